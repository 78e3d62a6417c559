"""Run the compiled kernel on memory: which layout it walks, in how many threads, and whether there is one at all."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from multirrelu._once import is_passing, locks, note, once
from multirrelu._registry import of_error
from multirrelu.contract import KEYS, Slopes

from ._layout import ONE_POINT, axes_of, transposed
from .threads import get_num_threads

THREADED = 1 << 17  # elements: with fewer, the call is over before a second thread has begun
WORDS = 4  # made for each element where indices are any, since a Philox block is of use to it alone
FAR = 1 << 25  # bytes: an output past this is not in the cache when somebody comes to read it


def _lock_of_numba() -> Any:
    """Return the lock under which Numba compiles, for us and for others, where Numba is imported."""
    return getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None)


locks.append(_lock_of_numba)


@once
def kernels() -> Any:
    """Return the module of compiled kernels, or None where Numba is missing; it is imported at the first call, not before."""
    if find_spec("numba") is None:
        return None
    try:
        import numba

        from . import _native
    except Exception as error:
        if is_passing(error):
            raise
        if not (isinstance(error, ModuleNotFoundError) and error.name == "numpy"):  # which Numba needs, and whose absence is nobody's fault
            note(f"Numba failed to import, using NumPy in blocks instead: {of_error(error)}")  # an array is served all the same
        return None
    return None if numba.config.DISABLE_JIT else _native  # Numba's switch for debugging: in plain Python the kernels are of no use


@once
def _kernel(name: str, kind: str) -> tuple[Any, Callable[..., bytes], int] | None:
    """Return a compiled kernel for a dtype, what packs the head of its job, and the bytes of an element, or None where there is none."""
    native = kernels()
    if native is None or kind not in native.KINDS:
        return None
    try:
        return native.compile_kernel(name, kind), native.HEAD.pack, native.KINDS[kind][1]
    except Exception as error:
        if is_passing(error):
            raise
        note(f"Numba failed to compile the kernel of {kind}, using NumPy in blocks instead: {of_error(error)}")
        return None


def without_kernel() -> str:
    """Return what to add to a description of the path: which dtypes the kernel does not serve."""
    native = kernels()
    missing = [kind for kind in ("float16", "bfloat16", "float32", "float64") if native is None or kind not in native.KINDS]
    return f"; not for {', '.join(missing)}, which this processor does not convert" if missing else ""


@once
def _crew() -> Any:
    from ._crew import Crew

    return Crew()


def prepare(kind: str, elements: int, name: str = "scale") -> None:
    """Load or compile what an array of this dtype and size needs: before a key is drawn, for that can fail."""
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
    """Scale elements where they lie, if there is a kernel for them, and return whether there is.

    Parameters
    ----------
    kind : str
        The dtype's name: float16, bfloat16, float32 or float64, in the machine's byte order.
    addresses : tuple of int
        Of the first elements of values, gate and out, each aligned to an element's size.
    shape : tuple of int
        Of all three.
    strides : tuple of tuple of int
        Of each of the three, in bytes.
    slopes : Slopes or float
        What the slopes are drawn from, but for the key, or one constant slope.
    key : int
        The key as a number, modulo 2**64.
    most : int, optional
        A library's own limit on its threads, beside that of `threads`.
    """
    found = _kernel("scale", kind)
    if found is None:
        return False
    elements = math.prod(shape)
    if elements == 0:
        return True
    kernel, pack, size = found
    points: tuple[int, int, float]
    if isinstance(slopes, Slopes):
        assert slopes.lattice is not None, "equal bounds are a constant slope"
        points, index, steps = slopes.lattice, slopes.offset, slopes.strides
    else:
        points, index, steps = (*ONE_POINT, slopes), 0, ()
    tasks, walked = _walk(shape, strides, steps)
    far = elements * size >= FAR and addresses[2] not in addresses[:2]
    job = pack(*addresses, index, key % KEYS, *points, far) + walked
    if elements < THREADED:
        kernel.call(job, 0, tasks)
    else:
        _share(kernel, job, tasks, _threads(elements, most))
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
    """Scale elements of any indices where they lie, if there is a kernel for them, and return whether there is.

    Parameters
    ----------
    kind, shape, slopes, key, most
        As for `run`; the slopes have no strides.
    addresses, strides : tuple
        Of values, gate, out, and the indices in int64, to which the slopes' offset is added.
    """
    found = _kernel("scale_at", kind)
    if found is None:
        return False
    elements = math.prod(shape)
    if elements:
        kernel, pack, _ = found
        assert slopes.lattice is not None, "equal bounds are a constant slope"
        tasks, walked = _walk_at(shape, strides)
        job = pack(*addresses, key % KEYS, *slopes.lattice, slopes.offset) + walked
        _share(kernel, job, tasks, _threads(elements * WORDS, most))
    return True


def _threads(elements: int, most: int | None) -> int:
    return 1 if elements < THREADED else min(get_num_threads(), most or elements, 2 * elements // THREADED)


def _share(kernel: Any, job: bytes, tasks: int, threads: int) -> None:
    if threads == 1:
        kernel.call(job, 0, tasks)
    else:
        _crew().share(kernel, job, tasks, threads)


@lru_cache(maxsize=256)  # deciding takes longer than scaling a thousand elements, and few layouts come again and again
def _walk(shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...], steps: tuple[int, ...] | None) -> tuple[int, bytes]:
    """Return the number of tasks for a layout, and the axes that are walked, as a job holds them."""
    axes = axes_of(shape, strides, steps)
    tiled = transposed(axes)
    shaped: tuple[int, bytes] = kernels().shape_of(axes if tiled is None else tiled, tiled is not None)
    return shaped


@lru_cache(maxsize=256)
def _walk_at(shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...]) -> tuple[int, bytes]:
    native, (*memory, indices) = kernels(), strides
    shaped: tuple[int, bytes] = native.shape_of(axes_of(shape, memory, indices), segment=native.GATHERED)
    return shaped
