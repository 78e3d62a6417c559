"""The sampling standard in 32-bit words, for devices without 64-bit integers; `multirrelu.stream` has the same functions in int64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .contract import KEYS, Slopes
from .stream import MASK, philox

if TYPE_CHECKING:
    from .contract import Array

HALF = 0xFFFF
Pair = tuple[Any, Any]
"""A 64-bit number as two words, the low word first: ints, or arrays of uint32."""


def draw(xp: Any, shape: tuple[int, ...], slopes: Slopes, dtype: Any, device: Any) -> Array:
    """Return the slopes of an array of `shape`, as an array that broadcasts to it, exact in `dtype`."""
    points = slopes.lattice
    assert points is not None, "equal bounds are a constant slope"
    low, high = _indices(xp, shape, slopes, device)
    counter = (low >> 2) | (high << 30), high >> 2, xp.zeros_like(low), xp.zeros_like(low)
    out = philox(counter, _split(int(slopes.key) % KEYS), multiply)
    lane = low & 3
    word = xp.where(lane < 2, xp.where(lane == 0, out[0], out[1]), xp.where(lane == 2, out[2], out[3]))
    point = xp.astype(multiply(points.span, word)[0], xp.int32) + points.low
    return (xp.astype(point, dtype) * points.unit)[0, ...]


def _indices(xp: Any, shape: tuple[int, ...], slopes: Slopes, device: Any) -> Pair:
    """Return the index of each element, with one axis more than `shape`: NumPy warns when a 0-d integer wraps around, but not an array."""
    place = {} if device is None else {"device": device}
    if 0 in shape:
        empty = xp.zeros((1, *shape), dtype=xp.uint32, **place)
        return empty, empty
    low, high = (xp.full((1,) * (len(shape) + 1), word, dtype=xp.uint32, **place) for word in _split(slopes.offset))
    for axis, (length, step) in enumerate(zip(shape, slopes.steps(shape), strict=True)):
        if step and length > 1:
            coordinate = xp.reshape(xp.arange(length, dtype=xp.uint32, **place), (-1,) + (1,) * (len(shape) - axis - 1))
            step_low, step_high = _split(step % KEYS)
            carried, more = multiply(step_low, coordinate)
            total = low + more
            high = high + carried + coordinate * step_high + xp.astype(total < more, xp.uint32)
            low = total
    return low, high


def _split(number: int) -> tuple[int, int]:
    return number & MASK, number >> 32


def multiply(multiplier: int, word: Array) -> Pair:
    """Return the high and the low word of a 64-bit product, computed from 16-bit halves."""
    m0, m1 = multiplier & HALF, multiplier >> 16
    w0, w1 = word & HALF, word >> 16
    cross, other = w0 * m1, w1 * m0
    middle = (w0 * m0 >> 16) + (cross & HALF) + (other & HALF)
    return w1 * m1 + (cross >> 16) + (other >> 16) + (middle >> 16), word * multiplier
