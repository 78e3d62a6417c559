"""The layout of a call, for the drivers of all kernels: the axes to walk, merged into few, and whether elements are consecutive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from multirrelu.contract import row_major
from multirrelu.stream import signed

SHORT = 16  # elements; starting a shorter row or tile costs more than scaling it
ONE_POINT = 1, 0  # the lowest point and the span of a constant slope's lattice: its unit is the slope, for any word

Axis: TypeAlias = tuple[int, int, int, int, int]
"""A length, the strides of values, gate and out, and the stride of the index."""
Start: TypeAlias = tuple[int, int, int, int]
"""The offset of a piece's first element, in values, gate, out and index."""


def axes_of(shape: Sequence[int], memory: Sequence[Sequence[int]], steps: Sequence[int] | None) -> list[Axis]:
    """Return the axes to walk.

    Parameters
    ----------
    shape : sequence of int
        The shape of values, gate and out.
    memory : sequence of sequence of int
        The strides of each of the three, in any unit.
    steps : sequence of int, optional
        The step of the index along each axis. An empty sequence stands for a constant slope, None for C order over the shape.
    """
    index = row_major(shape) if steps is None else steps or (0,) * len(shape)
    return collapse(list(zip(shape, *memory, map(signed, index), strict=True)))


def counts_on(axis: Axis, one: int, drawn: bool) -> bool:
    """Return whether elements along an axis are neighbours in all arrays, `one` apart, and have consecutive indices if slopes are drawn."""
    return axis[1:4] == (one, one, one) and (axis[4] == 1 or not drawn)


def is_consecutive(axes: Sequence[Axis], one: int, drawn: bool) -> bool:
    """Return whether all elements are consecutive along one axis."""
    return len(axes) == 1 and (axes[0][0] == 1 or counts_on(axes[0], one, drawn))


def by_memory(axes: Sequence[Axis]) -> list[Axis]:
    """Return axes in the order of memory, so that threads with one element each access neighbours together."""
    return sorted(axes, key=lambda axis: -abs(axis[3]))


def collapse(axes: Sequence[Axis]) -> list[Axis]:
    """Return the axes in the order of memory, without axes of length 1, and with neighbouring axes merged where all strides allow it.

    Any order is right, because every element carries its index. Where rows along the last axis would be short, the longest comes last.
    """
    if len(axes) == 1:
        return list(axes)
    merged: list[Axis] = []
    for axis in by_memory([axis for axis in axes if axis[0] > 1]):
        if merged and all(outer == axis[0] * inner for outer, inner in zip(merged[-1][1:], axis[1:], strict=True)):
            axis = (merged.pop()[0] * axis[0], *axis[1:])
        merged.append(axis)
    if merged and merged[-1][0] < SHORT:
        longest = max(range(len(merged)), key=lambda at: merged[at][0])
        merged.append(merged.pop(longest))
    return merged or [(1, 0, 0, 0, 0)]


def pieces(axes: list[Axis], most: int) -> Iterator[tuple[Start, list[Axis]]]:
    """Split an array into as few pieces as possible with at most `most` axes; yield the start and the axes of each, in order."""
    if len(axes) <= most:
        yield (0, 0, 0, 0), axes
        return
    shortest = min(range(len(axes)), key=lambda at: axes[at][0])
    length, v, g, o, i = axes[shortest]
    for (values, gate, out, index), piece in pieces(axes[:shortest] + axes[shortest + 1 :], most):
        for at in range(length):
            yield (values + at * v, gate + at * g, out + at * o, index + at * i), piece


def transposed(axes: list[Axis]) -> list[Axis] | None:
    """Return the axes with an axis of consecutive indices moved before the last, or None where rows along the last axis are as good.

    Rows are as good where their indices are consecutive or equal (one slope a row), or where no long axis has consecutive indices.
    """
    if axes[-1][4] in (0, 1):
        return None
    for at, axis in enumerate(axes[:-1]):
        if axis[4] == 1 and axis[0] >= SHORT:
            return [*axes[:at], *axes[at + 1 : -1], axis, axes[-1]]
    return None
