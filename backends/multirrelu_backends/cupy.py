"""CuPy arrays: the kernels of ``_cuda.cu``, on the array's device and the current stream, which the host never waits for."""

from __future__ import annotations

from functools import cache
from typing import Any

import cupy

from multirrelu import agnostic
from multirrelu.contract import Slopes
from multirrelu.dtypes import dtype_name

from ._cuda import KINDS, OPTIONS, SOURCE, THREADS, launches

NEEDS = "pip install 'multirrelu[cupy-cuda12]' or 'multirrelu[cupy-cuda13]', whichever CUDA the driver is for"


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    kind = dtype_name(values.dtype)
    if kind not in KINDS or cupy.cuda.runtime.is_hip:  # AMD's GPUs, for which nobody has tried the kernels
        return agnostic.scale(values, gate, slopes, out=out)
    with values.device:
        result = cupy.empty_like(values) if out is None else out
        # The name keeps the key's memory until the kernel is in the stream, where whoever takes the memory next comes after it.
        key, key_at = _key(slopes)
        arrays = values, gate, result
        addresses = values.data.ptr, gate.data.ptr, result.data.ptr
        strides = values.strides, gate.strides, result.strides
        for launch in launches(kind, addresses, values.shape, strides, slopes, key_at):
            _kernel(launch.kernel)((launch.blocks,), (THREADS,), launch.arguments)
        del key, arrays
    return result


def _key(slopes: Slopes | float) -> tuple[Any, int]:
    """Return a key that is an array, of 64 bits and on the current device, and its address; or None and 0."""
    if not isinstance(slopes, Slopes) or isinstance(slopes.key, int):
        return None, 0
    key = cupy.asarray(slopes.key)
    if key.dtype.itemsize != 8:
        key = key.astype(cupy.int64)
    return key, key.data.ptr


@cache
def _kernel(name: str) -> Any:
    return cupy.RawKernel(SOURCE, name, OPTIONS)
