"""ndonnx arrays: they trace an ONNX graph, whose sizes and key may be known only when it runs.

Words are computed in uint64, because ONNX shifts only unsigned integers: a shift of int64 takes twelve operators.
"""

from __future__ import annotations

from typing import Any, NoReturn

import ndonnx as ndx
import numpy as np

import multirrelu
from multirrelu.contract import KEYS, Backend, Slopes, row_major
from multirrelu.dtypes import compute_type
from multirrelu.stream import MASK, philox


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "arrays of a graph are values, so that no output passes the checks"
    if (known := _known(slopes, values, gate)) is not None:
        return _constant(multirrelu.scale(*known))
    return _multiplied(values, gate, _drawn(values, slopes) if isinstance(slopes, Slopes) else slopes)


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    if (known := _known(slopes, values, gate, index)) is not None:
        return _constant(multirrelu.scale_at(*known))
    if not isinstance(slopes, Slopes):
        return _multiplied(values, gate, slopes)
    return _multiplied(values, gate, _slopes(_words(ndx.astype(index, ndx.uint64) + slopes.offset, slopes.key), slopes, values))


def draw(like: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes of all elements."""
    if (known := _known(slopes, like)) is not None:
        ones = np.ones(known[0].shape, np.float64 if like.dtype == ndx.float64 else np.float32)
        return _constant(multirrelu.scale(ones, -ones, known[1]))
    drawn = _drawn(like, slopes) if isinstance(slopes, Slopes) else ndx.asarray(slopes, dtype=compute_type(ndx, like.dtype))
    return ndx.broadcast_to(drawn, like.dynamic_shape)


def _known(slopes: Slopes | float, *arrays: Any) -> tuple[Any, ...] | None:
    """Return arrays and slopes in NumPy, or None where a value is known only when the graph runs."""
    keys = [slopes.key] if isinstance(slopes, Slopes) and not isinstance(slopes.key, int) else []
    try:
        numbers = [array.unwrap_numpy() for array in (*arrays, *keys)]
    except ValueError:
        return None
    return (*numbers[:-1], slopes.keyed(int(numbers[-1]) % KEYS)) if keys and isinstance(slopes, Slopes) else (*numbers, slopes)


def _constant(numbers: Any) -> Any:
    return ndx.asarray(np.asarray(numbers))


def _multiplied(values: Any, gate: Any, slope: Any) -> Any:
    wide = compute_type(ndx, values.dtype)
    factor = ndx.where(gate <= 0, ndx.asarray(slope, dtype=wide), ndx.asarray(1.0, dtype=wide))
    return ndx.astype(ndx.astype(values, wide) * factor, values.dtype)


def _drawn(like: Any, slopes: Slopes) -> Any:
    """Return the slopes, as an array that broadcasts to the shape of `like`."""
    consecutive = slopes.strides is None or (None not in like.shape and slopes.strides == row_major(like.shape))
    words = _row(like, slopes) if consecutive else _words(_indices(like, slopes), slopes.key)
    return _slopes(words, slopes, like)


def _slopes(word: Any, slopes: Slopes, like: Any) -> Any:
    points = slopes.lattice
    assert points is not None, "equal bounds are a constant slope"
    above = ndx.astype((word * points.span) >> 32, ndx.int64)
    return ndx.astype(above + points.low, compute_type(ndx, like.dtype)) * points.unit


def _row(like: Any, slopes: Slopes) -> Any:
    """Return the words of consecutive indices from the offset on, all four of each block, in the shape of `like`.

    The size is taken from the running graph even where it is known: from a known size, ndonnx would compute all words during the trace.
    """
    skip, size = slopes.offset % 4, like.dynamic_size
    blocks = ndx.astype(ndx.arange(0, (size + (skip + 3)) // 4, dtype=ndx.int64), ndx.uint64) + (slopes.offset >> 2)
    words = ndx.reshape(ndx.stack(_blocks(blocks, slopes.key), axis=-1), (-1,))[skip : size + skip]
    if None not in like.shape:
        return ndx.reshape(words, like.shape)
    # A reshape to unknown sizes loses the known ones. A product with `like` restores them, except for sizes of one.
    long = [axis for axis, length in enumerate(like.shape) if length != 1]
    words = ndx.reshape(words, ndx.take(like.dynamic_shape, ndx.asarray(long, dtype=ndx.int64)))
    return words[tuple(None if length == 1 else slice(None) for length in like.shape)]


def _indices(like: Any, slopes: Slopes) -> Any:
    """Return the index of each element in uint64, as an array that broadcasts to the shape of `like`."""
    total = ndx.astype(like.dynamic_size * 0, ndx.uint64) + slopes.offset  # taken from the running graph, as in `_row`
    for axis, (length, step) in enumerate(zip(like.shape, slopes.steps(like.shape), strict=True)):
        if step and length != 1:
            steps = ndx.astype(ndx.arange(0, like.dynamic_shape[axis], dtype=ndx.int64), ndx.uint64) * (step % KEYS)
            total = total + ndx.reshape(steps, (-1,) + (1,) * (like.ndim - axis - 1))
    return total


def _words(index: Any, key: Any) -> Any:
    """Return the words of any indices in uint64, one of the four of each block."""
    lane, words = index & 3, [ndx.astype(word, ndx.int64) for word in _blocks(index >> 2, key)]  # `where` takes int64 without loss
    low, high = (ndx.where(lane % 2 == 0, *pair) for pair in (words[:2], words[2:]))
    return ndx.astype(ndx.where(lane < 2, low, high), ndx.uint64)


def _blocks(block: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    key = key if isinstance(key, int) else ndx.astype(key, ndx.uint64)
    return philox((block & MASK, (block >> 32) & (MASK >> 2), 0, 0), (key & MASK, key >> 32), _multiply)


def _multiply(multiplier: int, word: Any) -> tuple[Any, Any]:
    product = word * multiplier
    return product >> 32, product & MASK


def no_memory(x: Any) -> None:
    """Return None: ndonnx arrays are values of a graph, without memory."""


def no_key(x: Any) -> NoReturn:
    """Raise, because a key drawn during the trace would give the same slopes at every run of the graph."""
    raise TypeError("ndonnx has no global generator: pass rng=, a 0-d integer array, which may be an input of the graph, or an int")


def describe() -> str:
    """Return the path that arrays take, with the reason."""
    return "ONNX operators, all four words of each block; constants by NumPy's backend"


backend = Backend(
    scale=scale, scale_at=scale_at, draw=draw, namespace=ndx, writeable=False, memory=no_memory, default_key=no_key, describe=describe
)
