"""Draw the slopes of a tensor in TensorFlow's own operators: in graphs, under XLA, and for unknown shapes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from multirrelu import stream
from multirrelu.contract import KEYS, Slopes, row_major
from multirrelu.stream import signed

FAR = KEYS // 2  # an array of unknown size from this index on could pass the last index


def drawn(values: tf.Tensor, key: tf.Tensor, slopes: Slopes, wide: Any) -> tf.Tensor:
    """Return the slopes of all elements of `values`, in float32 or float64."""
    if _counts_on(values, slopes):
        word = _stateless(tf.shape(values, tf.int64), key, slopes.offset)
    else:
        word = words(key, _indices(values, slopes))
    return slopes_of(word, slopes, wide)


def drawn_at(index: tf.Tensor, key: tf.Tensor, slopes: Slopes, wide: Any) -> tf.Tensor:
    """Return the slopes of indices, after adding the offset, in float32 or float64."""
    return slopes_of(words(key, index + tf.constant(signed(slopes.offset), tf.int64)), slopes, wide)


def slopes_of(word: tf.Tensor, slopes: Slopes, wide: Any) -> tf.Tensor:
    """Return the slope on the lattice for each 32-bit word, given in int64."""
    assert slopes.lattice is not None, "equal bounds are a constant slope"
    low, span, unit = slopes.lattice
    point = tf.cast(tf.bitwise.right_shift(word * span, tf.constant(32, tf.int64)), tf.int32) + low
    return tf.cast(point, wide) * tf.constant(unit, wide)


def _counts_on(values: tf.Tensor, slopes: Slopes) -> bool:
    """Return whether indices are consecutive in C order and do not wrap: TensorFlow's counter does not wrap with them."""
    shape = values.shape
    if slopes.strides is not None and not (
        shape.is_fully_defined()
        and all(n == 1 or one == other for n, one, other in zip(shape, slopes.strides, row_major(tuple(shape)), strict=True))
    ):
        return False
    size = shape.num_elements()
    return slopes.offset < FAR if size is None else slopes.offset + size <= KEYS


def _stateless(shape: tf.Tensor, key: tf.Tensor, offset: int) -> tf.Tensor:
    """Return consecutive words by TensorFlow's operator, which uses all four words of each counter."""
    skip = offset % 4
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=tf.reduce_prod(shape)[None] + skip,
        key=tf.cast(key, tf.uint64)[None],
        counter=tf.cast(tf.constant([signed(offset >> 2), 0], tf.int64), tf.uint64),
        alg=1,
        dtype=tf.uint32,
    )
    return tf.cast(tf.reshape(words[skip:], shape), tf.int64)


def _indices(values: tf.Tensor, slopes: Slopes) -> tf.Tensor:
    """Return the index of each element modulo 2**64, in a shape that broadcasts to that of `values`."""
    shape, rank = tf.shape(values, tf.int64), values.shape.rank
    total = tf.constant(signed(slopes.offset), tf.int64)
    step: Any = tf.constant(1, tf.int64)
    for axis in reversed(range(rank)):
        if slopes.strides is not None:
            step = tf.constant(signed(slopes.strides[axis] % KEYS), tf.int64)
        total += tf.reshape(tf.range(shape[axis], dtype=tf.int64) * step, (-1,) + (1,) * (rank - axis - 1))
        step *= shape[axis]
    return tf.broadcast_to(total, shape)


def words(key: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Return the 32-bit word of each index, in int64, by the functions of the core."""
    return stream.words(_Functions, _Int64(key), _Int64(index)).tensor


class _Int64:
    """An int64 tensor with the operators that TensorFlow has only as functions."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tensor: tf.Tensor) -> None:
        self.tensor = tensor

    def __and__(self, other: Any) -> _Int64:
        return _Int64(tf.bitwise.bitwise_and(self.tensor, _tensor(other)))

    def __xor__(self, other: Any) -> _Int64:
        return _Int64(tf.bitwise.bitwise_xor(self.tensor, _tensor(other)))

    def __rshift__(self, other: Any) -> _Int64:
        return _Int64(tf.bitwise.right_shift(self.tensor, _tensor(other)))

    def __add__(self, other: Any) -> _Int64:
        return _Int64(self.tensor + _tensor(other))

    def __mul__(self, other: Any) -> _Int64:
        return _Int64(self.tensor * _tensor(other))

    def __lt__(self, other: Any) -> tf.Tensor:
        return self.tensor < _tensor(other)

    def __eq__(self, other: object) -> Any:
        return tf.equal(self.tensor, _tensor(other))


def _tensor(other: Any) -> tf.Tensor:
    return other.tensor if isinstance(other, _Int64) else tf.constant(other, tf.int64)


class _Functions:
    """The namespace functions that `multirrelu.stream.words` calls, for `_Int64`."""

    @staticmethod
    def zeros_like(x: _Int64) -> _Int64:
        return _Int64(tf.zeros_like(x.tensor))

    @staticmethod
    def where(condition: tf.Tensor, one: _Int64, other: _Int64) -> _Int64:
        return _Int64(tf.where(condition, one.tensor, other.tensor))
