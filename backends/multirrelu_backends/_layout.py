"""In which order a kernel walks the elements of an array: few long axes, dense in memory, consecutive in the index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

SHORT = 16  # elements: a row or a tile of fewer costs more to begin than to scale

Axis: TypeAlias = tuple[int, int, int, int, int]
"""A length, the strides of values, gate and out, and the stride of the index."""
Start: TypeAlias = tuple[int, int, int, int]
"""How far the first element is from another, in values, gate, out and index."""


def collapse(axes: list[Axis]) -> list[Axis]:
    """Return the axes in the order of memory, without those of length 1, and with those merged that are one in all strides.

    The order is free, because every element carries its index. Where rows along the last would be short, the longest comes last.
    """
    if len(axes) == 1:
        return axes
    merged: list[Axis] = []
    for axis in sorted((axis for axis in axes if axis[0] > 1), key=lambda axis: -abs(axis[3])):
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
