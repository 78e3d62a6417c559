"""NumPy arrays: the fused kernel that Numba compiles, on all cores; without Numba, NumPy in cache-sized blocks."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from array_api_compat import numpy as namespace

from multirrelu.contract import KEYS, Backend, Slopes
from multirrelu.dtypes import dtype_name
from multirrelu.memory import Placement
from multirrelu.scalars import shown

from . import _blocks, _kernel
from .threads import get_num_threads

Array = np.ndarray[Any, Any]
_KINDS = {np.dtype(kind): kind for kind in ("float16", "float32", "float64")}
_ready: dict[np.dtype[Any], float] = {}  # for each dtype, the number of elements from which an array still needs `prepare`
LARGE = 1 << 24  # bytes; an allocation this large may fail


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    result = _like(values) if out is None else out
    v = np.asarray(values)
    g = v if gate is values else np.asarray(gate)
    o = v if result is values else np.asarray(result)
    hidden = np.ma.getmaskarray(out) if type(out) is not np.ndarray and isinstance(out, np.ma.MaskedArray) else None
    under = None if hidden is None else o[hidden]
    if not _run(v, g, o, slopes):
        _blocks.write(v, g, slopes.keyed(int(slopes.key) % KEYS) if isinstance(slopes, Slopes) else slopes, o)
    if hidden is not None:
        o[hidden] = under  # NumPy's own operators keep masked elements too
    return result[()] if out is None and isinstance(values, np.generic) else result


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    if not isinstance(slopes, Slopes):
        return scale(values, gate, slopes)
    result = _like(values)
    v, g, o, i = np.asarray(values), np.asarray(gate), np.asarray(result), np.asarray(index)
    if i.dtype != np.int64 or not i.flags.aligned:  # foreign byte order or unaligned
        i = i.astype(np.int64)
    key, arrays = int(slopes.key), (v, g, o, i)
    addresses, strides = tuple(address_of(array) for array in arrays), tuple(array.strides for array in arrays)
    simple = v.dtype == g.dtype == o.dtype and v.flags.aligned and g.flags.aligned and o.flags.aligned
    if not (simple and _kernel.run_at(kind_of(v.dtype), addresses, v.shape, strides, slopes, key)):
        _blocks.write_at(v, g, i, slopes.keyed(key % KEYS), o)
    return result[()] if isinstance(values, np.generic) else result


def _like(values: Any) -> Any:
    """Allocate an array for a result."""
    if type(values) is np.ndarray or type(values) is np.memmap:
        return np.empty_like(values, subok=False)
    return np.array(values, copy=True, subok=True)  # the copy keeps all that a subclass carries, such as a mask or a unit


def _run(v: Array, g: Array, o: Array, slopes: Slopes | float) -> bool:
    """Scale by the kernel if there is one for these arrays, and return whether there is."""
    key, steps = (int(slopes.key), slopes.strides) if isinstance(slopes, Slopes) else (0, None)
    at, dtype = address_of(v), v.dtype
    addresses = at, at if g is v else address_of(g), address_of(o)
    kind = _KINDS.get(dtype) or kind_of(dtype)
    if o.dtype != dtype or (g is not v and g.dtype != dtype):
        return False
    # `carray`: in C order, aligned and writeable
    if v.size < _kernel.THREADED and steps is None and v.flags.carray and o.flags.carray and (g is v or g.flags.carray):
        return _kernel.run_line(kind, *addresses, v.size, slopes, key)
    aligned = v.flags.aligned and o.flags.aligned and (g is v or g.flags.aligned)
    return aligned and _kernel.run(kind, addresses, v.shape, (v.strides, g.strides, o.strides), slopes, key)


def kind_of(dtype: Any) -> str:
    """Return the name of a dtype, or an empty string for a foreign byte order."""
    return _KINDS.get(dtype) or (dtype_name(dtype) if dtype.isnative else "")


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for subclasses that hide or change the contents of their memory, and where memory is lacking.

    Raises
    ------
    MemoryError
        If a large result cannot be allocated; a generator has not advanced then.
    TypeError
        If `out` carries a unit or a mask that `values` does not share.
    ValueError
        If the shape or dtype of an array is not that of its memory.
    """
    if drawn and values.size >= _ready.get(values.dtype, 0):
        _kernel.prepare(kind_of(values.dtype), values.size)
        _ready[values.dtype] = math.inf if values.size >= _kernel.THREADED else _kernel.THREADED
    if type(values) is np.ndarray and type(gate) is np.ndarray and (out is None or type(out) is np.ndarray):
        if out is None and stateful is not None and values.nbytes >= LARGE:
            np.empty_like(values)
        return
    for name, array in (("x", values), ("gate", gate), ("out", out)):
        if isinstance(array, np.ndarray):
            memory = np.asarray(array)
            if array.shape != memory.shape or array.dtype != memory.dtype:
                raise ValueError(
                    f"{name}, {shown(array)}, lies about its memory, which is {memory.shape} of {memory.dtype}: pass numpy.asarray(x)"
                )
    if out is not None:
        _check_carried(values, out)


def _check_carried(values: Any, out: Any) -> None:
    """Raise where `out` carries data beside its elements that would be wrong after the write."""
    if isinstance(out, np.ma.MaskedArray) and not np.array_equal(np.ma.getmaskarray(out), np.ma.getmaskarray(values)):
        raise TypeError("out carries a mask that x does not share: pass out.data, or give both one mask")
    unit, own = getattr(out, "unit", None), getattr(values, "unit", None)
    if unit != own:
        raise TypeError(f"out has the unit {str(unit)[:40]!r}, but x has {str(own)[:40]!r}: convert one of them")


def address_of(x: Array) -> int:
    """Return the address of an array's first element."""
    address: int = _address(id(x) + _DATA).value
    return address


# NumPy's header puts the address of an array's memory first in the array object. Reading it takes a tenth of the time of `x.ctypes.data`.
_DATA, _address = object.__basicsize__, ctypes.c_size_t.from_address
_probe = np.zeros(1)
if address_of(_probe) != _probe.ctypes.data:  # pragma: no cover - an interpreter with another object layout

    def address_of(x: Array) -> int:
        """Return the address of an array's first element."""
        return int(x.ctypes.data)


def memory(x: Any) -> Placement:
    """Return the placement of an array in memory."""
    array = x if type(x) is np.ndarray else np.asarray(x)
    read_only = not array.flags.writeable or (x is not array and isinstance(x, np.generic))
    return Placement(address_of(array), array.shape, array.strides, array.itemsize, read_only)


def source(rng: Any) -> Callable[[], int] | None:
    """Return a function that draws a key from a generator or a seed of NumPy, or None.

    Raises
    ------
    TypeError
        If a seed holds something other than non-negative integers.
    """
    if isinstance(rng, np.random.Generator):
        return partial(draw_key, rng)
    if isinstance(rng, (np.random.BitGenerator, np.random.RandomState)):  # their state advances with that of the `Generator`
        return partial(draw_key, np.random.default_rng(rng))
    if isinstance(rng, (Sequence, np.random.SeedSequence)) or (isinstance(rng, np.ndarray) and rng.ndim == 1):
        _check_seed(rng)
        return lambda: draw_key(np.random.default_rng(rng))  # the same at each call, like an int
    return None


def draw_key(generator: np.random.Generator) -> int:
    """Draw 64 bits from a generator."""
    return int(generator.integers(0, KEYS, dtype=np.uint64))


def _check_seed(seed: Any) -> None:
    if isinstance(seed, np.ndarray):
        right = seed.dtype.kind in "iu" and bool((seed >= 0).all())
    elif isinstance(seed, Sequence):
        right = all(_is_word(word) for word in seed)
    else:
        right = True
    if not right:
        raise TypeError(f"a seed is a sequence of non-negative integers, got {shown(seed)}")


def _is_word(word: Any) -> bool:
    return isinstance(word, Integral) and str(word) not in ("True", "False") and int(word) >= 0


def describe() -> str:
    """Return the path that arrays take, with the reason."""
    native = _kernel.kernels()
    if native is None:
        return "NumPy in cache-sized blocks, because Numba is missing, broken or switched off: pip install 'multirrelu[numpy]'"
    return f"the fused kernel, by Numba {native.numba.__version__}, up to {get_num_threads()} threads{_kernel.without_kernel()}"


backend = Backend(
    scale=scale,
    scale_at=scale_at,
    namespace=namespace,
    writeable=True,
    check=check,
    memory=memory,
    source=source,
    accepts="a numpy.random.Generator, BitGenerator, RandomState or SeedSequence, a sequence of ints",
    describe=describe,
)
