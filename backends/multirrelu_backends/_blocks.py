"""Scale in NumPy alone, in blocks that stay in the cache: the path without Numba, and for arrays that the kernel does not support."""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import Any

import numpy as np

from multirrelu import agnostic
from multirrelu.contract import KEYS, Slopes, row_major
from multirrelu.dtypes import compute_type
from multirrelu.stream import KEY_STEPS, MASK, MULTIPLIERS, ROUNDS

BLOCK = 5 << 13  # elements; their words and slopes, less than a megabyte, stay in a core's cache
GATHERED = 1 << 13  # elements with indices from an array, each of which takes four words

_MULTIPLIERS = np.array([[multiplier] for multiplier in MULTIPLIERS], dtype=np.uint64)
_ROWS = np.array([0, 2, 1, 3])  # the rows of words 0 to 3 in the layout of `_philox`
_UPPER = int(sys.byteorder == "little")  # the position of the upper half of a uint64

Array = np.ndarray[Any, Any]


def write(values: Array, gate: Array, slopes: Slopes | float, out: Array) -> None:
    """Write each of `values`, times its slope where ``gate <= 0``, to `out`, without temporary arrays of the full size."""
    if values.size == 0:
        return
    scratch = _Scratch(min(values.size, BLOCK) if isinstance(slopes, Slopes) else 0, np.dtype(compute_type(np, values.dtype)))
    with np.errstate(all="ignore"):  # -inf * 0 and an overflow of float16 are right by the standard
        _split(values, gate, slopes, out, scratch)


def write_at(values: Array, gate: Array, index: Array, slopes: Slopes, out: Array) -> None:
    """Write each of `values`, times the slope of its index where ``gate <= 0``, to `out`, which is dense, in any order of its axes."""
    order = sorted(range(out.ndim), key=lambda axis: -out.strides[axis])
    values, gate, index = (array.transpose(order).reshape(-1) for array in (values, gate, index))
    out = out.transpose(order).reshape(-1, copy=False)
    wide = np.dtype(compute_type(np, values.dtype))
    with np.errstate(all="ignore"):
        for first in range(0, out.size, GATHERED):
            part = slice(first, first + GATHERED)
            factor = _draw_at(index[part].view(np.uint64) + np.uint64(slopes.offset), slopes, wide)
            _open(factor, gate[part], np.empty(factor.shape, np.int64 if wide == np.float64 else np.int32))
            np.multiply(values[part], factor, out=out[part], dtype=wide, casting="unsafe")


class _Scratch:
    """The memory that all blocks of a call use in turn: fresh memory for each block would cost more than the arithmetic."""

    def __init__(self, size: int, wide: np.dtype[Any]) -> None:
        counters = size // 4 + 2  # one more at each end where the first index is not a multiple of 4
        self.words = np.empty((2, 2, counters), dtype=np.uint64)
        self.products = np.empty((2, counters), dtype=np.uint64)
        self.slopes = np.empty((counters, 4), dtype=wide)
        self.closed = self.words.reshape(-1).view(np.int64 if wide == np.float64 else np.int32)  # reuses the memory of the words


def _split(values: Array, gate: Array, slopes: Slopes | float, out: Array, scratch: _Scratch) -> None:
    in_order = slopes if isinstance(slopes, Slopes) and _consecutive(slopes, values.shape) else None
    block = BLOCK if in_order is not None else BLOCK // 8  # the reference takes more memory an element than a draw does
    if values.size > block:
        axis = next(axis for axis, length in enumerate(values.shape) if length > 1)
        step = max(1, block * values.shape[axis] // values.size)
        for start in range(0, values.shape[axis], step):
            part = (slice(None),) * axis + (slice(start, start + step),)
            first = [start if k == axis else 0 for k in range(values.ndim)]
            within = slopes.part(values.shape, first) if isinstance(slopes, Slopes) else slopes
            _split(values[part], gate[part], within, out[part], scratch)
    elif in_order is not None:
        factor = _draw(in_order, values.size, scratch).reshape(values.shape)
        _open(factor, gate, scratch.closed[: values.size].reshape(values.shape))
        np.multiply(values, factor, out=out, dtype=factor.dtype, casting="unsafe")  # computes in the wide type, rounds once
    else:
        agnostic.scale(values, gate, slopes, out=out)


def _consecutive(slopes: Slopes, shape: tuple[int, ...]) -> bool:
    """Return whether the indices of the block are consecutive in C order, and their counters share the high word."""
    strides = slopes.steps(shape)
    in_order = all(length == 1 or one == other for length, one, other in zip(shape, strides, row_major(shape), strict=True))
    return in_order and slopes.offset >> 34 == slopes.offset + math.prod(shape) - 1 >> 34


def _draw(slopes: Slopes, size: int, scratch: _Scratch) -> Array:
    """Return the slopes of `size` consecutive indices: unlike the reference, all four words of each counter are used."""
    points = slopes.lattice
    assert points is not None, "equal bounds are a constant slope"
    skip = slopes.offset % 4
    count = -(-(skip + size) // 4)
    words = scratch.words[..., :count]
    _philox(words, slopes.offset >> 2 & MASK, slopes.offset >> 34, _round_keys(int(slopes.key)), scratch.products[:, :count])
    words *= np.uint64(points.span)
    words += np.uint64((points.low << 32) % KEYS)  # add in the upper half, in integers: without `low`, a point may need 25 bits
    slope = scratch.slopes[:count]
    for lane in range(4):
        slope[:, lane] = words[lane % 2, lane // 2].view(np.int32)[_UPPER::2]
    slope *= points.unit
    return slope.reshape(-1)[skip : skip + size]


def _draw_at(index: Array, slopes: Slopes, wide: np.dtype[Any]) -> Array:
    """Return the slopes of any indices; each index computes the four words of a counter and uses one."""
    points = slopes.lattice
    assert points is not None, "equal bounds are a constant slope"
    words = np.zeros((2, 2, index.size), dtype=np.uint64)
    np.bitwise_and(index >> 2, MASK, out=words[0, 0])
    np.right_shift(index, 34, out=words[1, 0])
    _rounds(words, _round_keys(int(slopes.key)), np.empty((2, index.size), dtype=np.uint64))
    rows = _ROWS.take((index & 3).astype(np.intp))
    word = np.take_along_axis(words.reshape(4, -1), rows[None], axis=0)[0]
    word *= np.uint64(points.span)
    word += np.uint64((points.low << 32) % KEYS)
    slope: Array = word.view(np.int32)[_UPPER::2].astype(wide)
    slope *= points.unit
    return slope


def _open(factor: Array, gate: Array, closed: Array) -> None:
    """Set the factor to one where the gate is open, by its bits: the branches of `np.where` are slow where signs change often."""
    bits, one = factor.view(closed.dtype), factor.dtype.type(1).view(closed.dtype)
    np.less_equal(gate, 0, out=closed, casting="unsafe")
    np.negative(closed, out=closed)
    bits ^= one
    bits &= closed
    bits ^= one


def _philox(words: Array, first: int, high: int, keys: list[Array], product: Array) -> None:
    """Fill `words` with the words of Philox4x32-10, word w at [w % 2, w // 2], for consecutive counters with the same high word.

    Words 0 and 2 are the rows of one array, words 1 and 3 of another, so that each operation computes two of them. The first two rounds
    are written out, because half of their values are constant for one high word.
    """
    even, odd = words
    constant = (high ^ int(keys[0][0, 0])) * MULTIPLIERS[0]
    even[1] = np.arange(first, first + even.shape[1], dtype=np.uint64)
    np.multiply(even[1], _MULTIPLIERS[0], out=product[0])
    np.right_shift(product[0], 32, out=even[1])
    even[1] ^= keys[0][1]
    np.multiply(even[1], _MULTIPLIERS[1], out=product[1])
    np.right_shift(product[1], 32, out=even[0])
    even[0] ^= keys[1][0]
    np.bitwise_and(product[1], MASK, out=odd[0])
    np.bitwise_and(product[0], MASK, out=even[1])
    even[1] ^= keys[1][1] ^ np.uint64(constant >> 32)
    odd[1] = constant & MASK
    _rounds(words, keys[2:], product)


def _rounds(words: Array, keys: list[Array], product: Array) -> None:
    """Apply the rounds with the given keys to `words`, in the layout of `_philox`."""
    even, odd = words
    for key in keys:
        np.multiply(even, _MULTIPLIERS, out=product)
        np.right_shift(product[::-1], 32, out=even)
        even ^= odd
        even ^= key
        np.bitwise_and(product[::-1], MASK, out=odd)


@lru_cache(maxsize=16)
def _round_keys(key: int) -> list[Array]:
    words = np.array([[key & MASK], [key >> 32]], dtype=np.uint64)
    steps = np.array([[step] for step in KEY_STEPS], dtype=np.uint64)
    return [words + np.uint64(turn) * steps & np.uint64(MASK) for turn in range(ROUNDS)]
