"""Run the compiled kernel on memory, where there is one: choose the walk through the layout and the number of threads."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int64
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from multirrelu._once import is_passing, locks, note, once
from multirrelu.contract import KEYS, Slopes
from multirrelu.scalars import of_error

from ._layout import ONE_POINT, axes_of, transposed
from .threads import get_num_threads

THREADED = 1 << 17  # elements; a smaller call is over before a second thread has begun
WORDS = 4  # words for each element with any index, because no other element uses its Philox block
FAR = 1 << 25  # bytes; a larger output is no longer in the cache when it is read
FIRST = c_int64(0)  # the first task


def _lock_of_numba() -> Any:
    """Return the lock that Numba holds while it compiles, for us or for others, where Numba is imported."""
    return getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None)


locks.append(_lock_of_numba)


@once
def kernels() -> Any:
    """Return the module of compiled kernels, imported at the first call, or None where Numba is missing."""
    if find_spec("numba") is None:
        return None
    try:
        import numba

        from . import _native
    except Exception as error:
        if is_passing(error):
            raise
        if not (isinstance(error, ModuleNotFoundError) and error.name == "numpy"):  # Numba needs NumPy, which may rightly be absent
            note(f"Numba failed to import, using NumPy in blocks instead: {of_error(error)}")  # arrays are served anyway
        return None
    return None if numba.config.DISABLE_JIT else _native  # Numba's switch for debugging; the kernels do not run in plain Python


@once
def _kernel(name: str, kind: str) -> tuple[Any, Callable[..., None], Callable[..., bytes], int] | None:
    """Return a compiled kernel for a dtype, a callable for it, the function that packs the head of its job, and an element's size, or None.

    The callable takes bytes and two numbers in C's form, `c_int64`. It declares no arguments: converting two ints would take as long as
    the rest of a call.
    """
    native = kernels()
    if native is None or kind not in native.KINDS:
        return None
    try:
        kernel = native.compile_kernel(name, kind)
        return kernel, CFUNCTYPE(None)(kernel.address), native.HEAD.pack, native.KINDS[kind][1]
    except Exception as error:
        if is_passing(error):
            raise
        note(f"Numba failed to compile the kernel of {kind}, using NumPy in blocks instead: {of_error(error)}")
        return None


def without_kernel() -> str:
    """Return an addition to the description of the path: the dtypes that the kernel does not support."""
    native = kernels()
    missing = [kind for kind in ("float16", "bfloat16", "float32", "float64") if native is None or kind not in native.KINDS]
    return f"; not for {', '.join(missing)}, which this processor does not convert" if missing else ""


@once
def _crew() -> Any:
    from ._crew import Crew

    return Crew()


def prepare(kind: str, elements: int, name: str = "scale") -> None:
    """Load or compile the kernel for an array of the given dtype and size; this can fail, so it happens before a key is drawn."""
    if _kernel(name, kind) is not None and elements >= THREADED:
        _crew()


def run(
    kind: str,
    addresses: tuple[int, int, int],
    shape: tuple[int, ...],
    strides: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    slopes: Slopes | float,
    key: int = 0,
    most: int | None = None,
) -> bool:
    """Scale elements in memory if there is a kernel for them, and return whether there is.

    Parameters
    ----------
    kind : str
        The name of the dtype: float16, bfloat16, float32 or float64, in the machine's byte order.
    addresses : tuple of int
        The addresses of the first elements of values, gate and out, each aligned to the size of an element.
    shape : tuple of int
        The shape of all three.
    strides : tuple of tuple of int
        The strides of each of the three, in bytes.
    slopes : Slopes or float
        The slopes to draw, without their key, or one constant slope.
    key : int
        The key as a number, modulo 2**64.
    most : int, optional
        A library's own limit on its threads, in addition to that of `threads`.
    """
    found = _kernel("scale", kind)
    if found is None:
        return False
    elements = math.prod(shape)
    if elements == 0:
        return True
    kernel, call, pack, size = found
    if isinstance(slopes, Slopes):
        assert slopes.lattice is not None, "equal bounds are a constant slope"
        (low, span, unit), index, steps = slopes.lattice, slopes.offset, slopes.strides
    else:
        (low, span), unit, index, steps = ONE_POINT, slopes, 0, ()
    tasks, walked = _walk(shape, strides, steps)
    far = elements * size >= FAR and addresses[2] not in addresses[:2]
    job = pack(*addresses, index, key % KEYS, low, span, unit, far) + walked
    if elements < THREADED:
        call(job, FIRST, tasks)
    else:
        _share(kernel, job, tasks.value, _threads(elements, most))
    return True


def run_line(kind: str, values: int, gate: int, out: int, elements: int, slopes: Slopes | float, key: int) -> bool:
    """Do in half the time what `run` does, for fewer than `THREADED` elements that are consecutive in memory and have no strides."""
    if isinstance(slopes, Slopes):
        assert slopes.lattice is not None, "equal bounds are a constant slope"
        line, index, (low, span, unit) = _line(kind, elements, True), slopes.offset, slopes.lattice
    else:
        line, index, (low, span), unit = _line(kind, elements, False), 0, ONE_POINT, slopes
    if line is None:
        return False
    call, pack, tasks, walked = line
    call(pack(values, gate, out, index, key % KEYS, low, span, unit, False) + walked, FIRST, tasks)
    return True


def run_at(
    kind: str,
    addresses: tuple[int, ...],
    shape: tuple[int, ...],
    strides: tuple[tuple[int, ...], ...],
    slopes: Slopes,
    key: int,
    most: int | None = None,
) -> bool:
    """Scale elements with any indices in memory if there is a kernel for them, and return whether there is.

    Parameters
    ----------
    kind, shape, slopes, key, most
        As for `run`; the slopes have no strides.
    addresses, strides : tuple
        As for `run`, and fourth those of the indices in int64. The offset of the slopes is added to each index.
    """
    found = _kernel("scale_at", kind)
    if found is None:
        return False
    elements = math.prod(shape)
    if elements:
        kernel, _, pack, _ = found
        assert slopes.lattice is not None, "equal bounds are a constant slope"
        tasks, walked = _walk_at(shape, strides)
        job = pack(*addresses, key % KEYS, *slopes.lattice, slopes.offset) + walked
        _share(kernel, job, tasks.value, _threads(elements * WORDS, most))
    return True


def _threads(elements: int, most: int | None) -> int:
    return 1 if elements < THREADED else min(get_num_threads(), most or elements, 2 * elements // THREADED)


def _share(kernel: Any, job: bytes, tasks: int, threads: int) -> None:
    if threads == 1:
        kernel.call(job, 0, tasks)
    else:
        _crew().share(kernel, job, tasks, threads)


@lru_cache(maxsize=256)  # deciding takes longer than scaling a thousand elements, and a few layouts recur
def _walk(shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...], steps: tuple[int, ...] | None) -> tuple[c_int64, bytes]:
    """Return the number of tasks for a layout, and its axes as a job holds them."""
    axes = axes_of(shape, strides, steps)
    tiled = transposed(axes)
    tasks, walked = kernels().shape_of(axes if tiled is None else tiled, tiled is not None)
    return c_int64(tasks), walked


@lru_cache(maxsize=256)
def _line(kind: str, elements: int, drawn: bool) -> tuple[Callable[..., None], Callable[..., bytes], c_int64, bytes] | None:
    """Return the kernel, the function that packs the head of a job, the tasks and the axes for consecutive elements, or None."""
    found = _kernel("scale", kind)
    if found is None:
        return None
    _, call, pack, size = found
    return call, pack, *_walk((elements,), ((size,),) * 3, None if drawn else ())


@lru_cache(maxsize=256)
def _walk_at(shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...]) -> tuple[c_int64, bytes]:
    native, (*memory, indices) = kernels(), strides
    tasks, walked = native.shape_of(axes_of(shape, memory, indices), segment=native.GATHERED)
    return c_int64(tasks), walked
