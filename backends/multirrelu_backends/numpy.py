"""NumPy arrays: the fused kernel that Numba compiles, over all cores; without Numba, NumPy in cache-sized blocks."""

from __future__ import annotations

from dataclasses import replace
from operator import index
from typing import Any

import numpy as np

from multirrelu.contract import KEYS, Slopes
from multirrelu.dtypes import dtype_name

from . import _blocks, _kernel
from .threads import get_num_threads


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    result = out
    if result is None:
        plain = type(values) in (np.ndarray, np.memmap)
        # What another subclass carries, such as a mask or a unit, comes with the copy.
        result = np.empty_like(values, subok=False) if plain else np.array(values, copy=True, subok=True)
    key = index(slopes.key) if isinstance(slopes, Slopes) else 0
    v, g, o = np.asarray(values), np.asarray(gate), np.asarray(result)
    at = v.ctypes.data
    addresses = at, at if gate is values else g.ctypes.data, o.ctypes.data
    simple = v.dtype.isnative and v.flags.aligned and g.flags.aligned and o.flags.aligned
    if not (simple and _kernel.scale(dtype_name(v.dtype), addresses, v.shape, (v.strides, g.strides, o.strides), slopes, key)):
        if isinstance(slopes, Slopes):
            slopes = replace(slopes, key=key % KEYS)
        _blocks.scale(v, g, slopes, o)
    return result[()] if out is None and isinstance(values, np.generic) else result


def describe() -> str:
    """Return which path arrays take, and why."""
    native = _kernel.kernels()
    if native is None:
        return "NumPy in cache-sized blocks, for Numba is missing, broken or switched off: pip install 'multirrelu[numpy]'"
    return f"the fused kernel, by Numba {native.numba.__version__}, up to {get_num_threads()} threads"
