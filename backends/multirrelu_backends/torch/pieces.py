"""Compute the position and shape of a process's piece of a tensor, in integers only."""

from __future__ import annotations

from collections.abc import Sequence


def piece(shape: Sequence[int], parts: Sequence[int], place: Sequence[int], dims: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape and the first coordinate of a piece.

    Parameters
    ----------
    shape : sequence of int
        The shape of the whole tensor.
    parts, place : sequence of int
        The shape of the mesh of processes, and the coordinate of the process in it.
    dims : sequence of int
        The axis of the tensor that each axis of the mesh splits, -1 where it splits none. The split is that of ``torch.chunk``, in which
        the last chunks are shorter or empty.
    """
    lengths, first = list(shape), [0] * len(shape)
    for count, at, dim in zip(parts, place, dims, strict=True):
        if dim >= 0:
            step = -(-lengths[dim] // count)
            start = min(at * step, lengths[dim])
            first[dim] += start
            lengths[dim] = min(step, lengths[dim] - start)
    return tuple(lengths), tuple(first)


def place_of(number: int, parts: Sequence[int]) -> tuple[int, ...]:
    """Return the coordinate in a mesh of the process with the given number in C order."""
    place: list[int] = []
    for count in reversed(parts):
        number, at = divmod(number, count)
        place.insert(0, at)
    return tuple(place)
