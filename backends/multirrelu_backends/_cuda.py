"""Launch CuPy's fused kernels: each is a `cupy.ElementwiseKernel` that draws, multiplies and writes, with ``_cuda.cu`` as its preamble.

Where elements and indices are consecutive, a thread computes whole Philox blocks and moves 16 bytes at a time, so that memory bandwidth is
the limit. In any other layout CuPy locates the element, and its thread computes a block for this element alone.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, TypeAlias

import cupy

from multirrelu.contract import KEYS, Slopes
from multirrelu.dtypes import dtype_name

from ._layout import ONE_POINT, Axis, axes_of, by_memory, is_consecutive

PREAMBLE = files(__package__).joinpath("_cuda.cu").read_text(encoding="utf-8")
FORMATS = {  # CuPy's type for a dtype, and its name in the device code; half precisions are bits, which need no CUDA header
    "float16": ("uint16", "binary16"),
    "bfloat16": ("uint16", "bfloat16"),
    "float32": ("float32", "binary32"),
    "float64": ("float64", "binary64"),
}
WIDE = 16  # bytes that a thread moves at a time, as in the device code
DRAW = "raw uint64 key, int32 low, uint32 span, float64 unit, uint64 index"

Draw: TypeAlias = tuple[Any, int, int, float, int]
"""The arguments of `DRAW`: the key; the lattice's first point, number of points (0: the unit is the slope) and unit; the first index."""
Arrays: TypeAlias = tuple[Any, Any, Any]
"""Values, gate and out, on the current device."""


def launch(arrays: Arrays, slopes: Slopes | float, key: Any) -> None:
    """Launch the kernel for arrays of at least one element; the key is an integer, or 64 bits on the current device."""
    values, gate, out = arrays
    steps = slopes.strides if isinstance(slopes, Slopes) else ()
    axes = _axes(out.shape, (values.strides, gate.strides, out.strides), steps, out.itemsize)
    if axes is None:
        _consecutive(arrays, _draw(slopes, key))
    else:
        _anywhere(arrays, axes, _draw(slopes, key))


def launch_at(arrays: Arrays, index: Any, slopes: Slopes | float, key: Any) -> None:
    """Launch the kernel for elements with indices from an array, which CuPy locates as it does the elements; the key is as for `launch`."""
    kind = dtype_name(arrays[2].dtype)
    values, gate, out = [x.view(FORMATS[kind][0]) for x in arrays]
    indexed(kind)(values, gate, index, *_draw(slopes, key), out)


def _draw(slopes: Slopes | float, key: Any) -> Draw:
    if not isinstance(slopes, Slopes):
        return 0, *ONE_POINT, slopes, 0
    assert slopes.lattice is not None, "equal bounds are a constant slope"
    return key, *slopes.lattice, slopes.offset


@lru_cache(maxsize=256)
def _axes(shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...], steps: tuple[int, ...] | None, itemsize: int) -> list[Axis] | None:
    """Return the axes by which CuPy locates elements, neighbours in memory last, or None where all elements are consecutive."""
    axes = axes_of(shape, strides, steps)
    return None if is_consecutive(axes, itemsize, drawn=steps != ()) else by_memory(axes)


def _consecutive(arrays: Arrays, draw: Draw) -> None:
    values, gate, out = arrays
    kind, skip = dtype_name(out.dtype), draw[-1] % 4
    flat = _flat(values, kind)
    gates = flat if gate is values else _flat(gate, kind)
    threads = -(-(skip + out.size) // max(4, WIDE // out.itemsize))
    consecutive(kind)(flat, gates, *draw, _flat(out, kind), size=threads)


def _flat(array: Any, kind: str) -> Any:
    """Return an array as one axis of the words of its kind; one that is so already costs nothing."""
    word = FORMATS[kind][0]
    return array if array.ndim == 1 and word == kind else cupy.ndarray((array.size,), word, array.data)


def _anywhere(arrays: Arrays, axes: list[Axis], draw: Draw) -> None:
    kind = dtype_name(arrays[2].dtype)
    lengths, *strides, steps = zip(*axes, strict=True)
    values, gate, out = [cupy.ndarray(lengths, FORMATS[kind][0], x.data, own) for x, own in zip(arrays, strides, strict=True)]
    anywhere(kind, len(lengths))(values, gate, *draw, *[step % KEYS for step in steps], out)


@cache
def consecutive(kind: str) -> Any:
    """Return the kernel for consecutive elements with consecutive indices; each thread scales several."""
    word, name = FORMATS[kind]
    parameters = f"raw {word} values, raw {word} gate, {DRAW}"
    arguments = "&values[0], &gate[0], &out[0], out.size(), i, index, draw"
    return _kernel(f"consecutive_{kind}", parameters, f"raw {word} out", f"multirrelu::consecutive<multirrelu::{name}>({arguments})")


@cache
def anywhere(kind: str, axes: int) -> Any:
    """Return the kernel for elements that CuPy locates by their coordinates; each thread computes an index from the coordinates."""
    word, name = FORMATS[kind]
    parameters = ", ".join([f"{word} values, {word} gate, {DRAW}", *[f"uint64 step{axis}" for axis in range(axes)]])
    index = " + ".join(["index", *[f"step{axis} * _ind.get()[{axis}]" for axis in range(axes)]])
    return _kernel(
        f"anywhere_{kind}", parameters, f"{word} out", f"out = multirrelu::anywhere<multirrelu::{name}>(values, gate, {index}, draw)"
    )


@cache
def indexed(kind: str) -> Any:
    """Return the kernel for elements with indices from an array, each added to the first index."""
    word, name = FORMATS[kind]
    operation = f"out = multirrelu::anywhere<multirrelu::{name}>(values, gate, index + (unsigned long long)place, draw)"
    return _kernel(f"indexed_{kind}", f"{word} values, {word} gate, int64 place, {DRAW}", f"{word} out", operation)


def _kernel(name: str, parameters: str, out: str, operation: str) -> Any:
    return cupy.ElementwiseKernel(
        parameters,
        out,
        operation,
        f"multirrelu_{name}",
        preamble=PREAMBLE,
        loop_prep="const multirrelu::Draw draw = {multirrelu::number(key), low, span, unit}",
        reduce_dims=False,  # an axis that CuPy merges has no coordinate
        no_return=True,
        options=("-ffp-contract=off" if cupy.cuda.runtime.is_hip else "-fmad=false",),  # explicit, though no sum follows a product
    )
