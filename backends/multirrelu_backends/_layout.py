"""What every kernel's driver asks of a call: the axes to walk, few and long, whether elements count on along them, and the lattice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from multirrelu.contract import row_major
from multirrelu.stream import signed

SHORT = 16  # elements: a row or a tile of fewer costs more to begin than to scale
ONE_POINT = 1, 0  # the lowest point and the span of a constant slope's lattice, whose unit is the slope: no word moves the point

Axis: TypeAlias = tuple[int, int, int, int, int]
"""A length, the strides of values, gate and out, and the stride of the index."""
Start: TypeAlias = tuple[int, int, int, int]
"""How far the first element is from another, in values, gate, out and index."""


def axes_of(shape: Sequence[int], memory: Sequence[Sequence[int]], steps: Sequence[int] | None) -> list[Axis]:
    """Return the axes to walk.

    Parameters
    ----------
    shape : sequence of int
        Of values, gate and out.
    memory : sequence of sequence of int
        The strides of each of the three, in whatever unit.
    steps : sequence of int, optional
        For each axis the step of the index, none for a constant slope, whose index stands still; None means C order over the shape.
    """
    index = row_major(shape) if steps is None else steps or (0,) * len(shape)
    return collapse(list(zip(shape, *memory, map(signed, index), strict=True)))


def counts_on(axis: Axis, one: int, drawn: bool) -> bool:
    """Return whether neighbours along an axis are so in memory, by the stride that is one there, and in the index if slopes are drawn."""
    return axis[1:4] == (one, one, one) and (axis[4] == 1 or not drawn)


def is_consecutive(axes: Sequence[Axis], one: int, drawn: bool) -> bool:
    """Return whether all elements are neighbours, one after the other."""
    return len(axes) == 1 and (axes[0][0] == 1 or counts_on(axes[0], one, drawn))


def by_memory(axes: Sequence[Axis]) -> list[Axis]:
    """Return axes in the order of memory, for threads that have an element each: neighbours in memory then go together."""
    return sorted(axes, key=lambda axis: -abs(axis[3]))


def collapse(axes: Sequence[Axis]) -> list[Axis]:
    """Return the axes in the order of memory, without those of length 1, and with those merged that are one in all strides.

    The order is free, because every element carries its index. Where rows along the last would be short, the longest comes last.
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
    """Yield where each piece of an array begins and its axes, in their order: as few pieces as have no more than `most` axes."""
    if len(axes) <= most:
        yield (0, 0, 0, 0), axes
        return
    shortest = min(range(len(axes)), key=lambda at: axes[at][0])
    length, v, g, o, i = axes[shortest]
    for (values, gate, out, index), piece in pieces(axes[:shortest] + axes[shortest + 1 :], most):
        for at in range(length):
            yield (values + at * v, gate + at * g, out + at * o, index + at * i), piece


def transposed(axes: list[Axis]) -> list[Axis] | None:
    """Return the axes with one of consecutive indices before the last, or None where rows along the last do as well.

    Rows do where the index counts on along them or stays as it is (one slope a row), or counts on along no axis of some length.
    """
    if axes[-1][4] in (0, 1):
        return None
    for at, axis in enumerate(axes[:-1]):
        if axis[4] == 1 and axis[0] >= SHORT:
            return [*axes[:at], *axes[at + 1 : -1], axis, axes[-1]]
    return None
