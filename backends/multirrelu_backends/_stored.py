"""Scale the stored elements of a sparse array by their coordinates; the elements that are not stored are zero and stay zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from multirrelu.contract import Slopes, row_major
from multirrelu.stream import signed

from . import _kernel
from . import numpy as host

Array: TypeAlias = "np.ndarray[Any, Any]"
Places: TypeAlias = Sequence[Array]
"""The coordinates of the stored elements along each axis, as arrays of the shape of the stored elements."""


BLOCK = 1 << 17
"""The number of elements whose indices are computed at a time, so that the indices stay in the cache."""


def scaled(data: Array, gate: Array, places: Places, shape: Sequence[int], slopes: Slopes | float) -> Array:
    """Multiply the stored elements by the slopes of their places in a dense array of the given shape, where ``gate <= 0``."""
    if not isinstance(slopes, Slopes):
        constant: Array = host.scale(data, gate, slopes)
        return constant
    result, rest = np.empty(data.shape, data.dtype), slopes.moved(0, None)
    for part, index in _indices(places, slopes.steps(shape), data.size):
        result[part] = host.scale_at(data[part], gate[part], index, rest)
    return result


def slopes_at(dtype: Any, places: Places, shape: Sequence[int], stored: tuple[int, ...], slopes: Slopes | float) -> Array:
    """Return the slopes of the stored elements, in float64 for a dtype of float64 and else in float32."""
    wide = np.float64 if dtype == np.float64 else np.float32
    one, closed = (np.broadcast_to(np.asarray(value, dtype=wide), stored) for value in (1, -1))
    return scaled(one, closed, places, shape, slopes)


def gate_at(places: Places, size: int, gate: Array, gate_places: Places) -> Array:
    """Return the elements of a gate at the places of an array with `size` stored elements: zeros where the gate stores none."""
    found = np.zeros(size, gate.dtype)
    if not gate.size or not size:
        return found
    both = [np.concatenate(pair) for pair in zip(gate_places, places, strict=True)]
    order = np.lexsort(both[::-1])  # a stable sort: at equal places, the gate's element comes first
    first, second = order[:-1], order[1:]
    paired = np.logical_and.reduce([place[first] == place[second] for place in both])
    found[second[paired] - gate.size] = gate[first[paired]]
    return found


def ascending(places: Places, shape: Sequence[int]) -> bool:
    """Return whether places are in C order without repetition, as far as a check without sorting can tell."""
    last = None
    for _, index in _indices(places, row_major(shape), places[0].size):
        if (last is not None and index[0] <= last) or not np.all(index[1:] > index[:-1]):
            return False
        last = int(index[-1])
    return True


def _indices(places: Places, steps: Sequence[int], size: int) -> Iterator[tuple[slice, Array]]:
    """Yield slices of the places with their indices modulo 2**64, block after block in the same memory."""
    moving = [(place, signed(step)) for place, step in zip(places, steps, strict=True) if step]
    index, term = np.zeros((2, min(size, BLOCK)), np.int64)
    for first in range(0, size, BLOCK):
        part = slice(first, min(first + BLOCK, size))
        fits = slice(part.stop - first)
        for turn, (place, step) in enumerate(moving):
            product = np.multiply(place[part], step, out=(term if turn else index)[fits], dtype=np.int64, casting="unsafe")
            if turn:
                index[fits] += product
        yield part, index[fits]


def prepare(dtype: Any, elements: int) -> None:
    """Load or compile the kernel; this can fail, so it happens before a key is drawn."""
    _kernel.prepare(host.kind_of(dtype), elements * _kernel.WORDS, "scale_at")


def refuse_indices(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Raise, because `scale_at` does not take sparse arrays.

    Raises
    ------
    TypeError
        Always.
    """
    raise TypeError("indices are those of dense arrays, got sparse ones: pass the data of what is stored")


RECORD: dict[str, Any] = {
    "scale_at": refuse_indices,
    "writeable": False,
    "memory": lambda array: None,
    "describe": lambda: f"what is stored, by {host.describe()}",
}
"""The fields that the records of all libraries of sparse arrays have in common."""
