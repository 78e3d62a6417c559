"""An Array API namespace for TensorFlow, with the functions that the core calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

bfloat16, float16, float32, float64 = tf.bfloat16, tf.float16, tf.float32, tf.float64
bool, complex64, complex128 = tf.bool, tf.complex64, tf.complex128  # noqa: A001 - the standard's names
int8, int16, int32, int64 = tf.int8, tf.int16, tf.int32, tf.int64
uint8, uint16, uint32, uint64 = tf.uint8, tf.uint16, tf.uint32, tf.uint64

broadcast_to, expand_dims, reshape, where = tf.broadcast_to, tf.expand_dims, tf.reshape, tf.where
all, any, sum = tf.reduce_all, tf.reduce_any, tf.reduce_sum  # noqa: A001
ones_like, zeros_like = tf.ones_like, tf.zeros_like


def asarray(x: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> tf.Tensor:
    """Return a tensor of numbers, an array or a tensor."""
    if tf.is_tensor(x):
        return x if dtype is None else tf.cast(x, dtype)
    return tf.convert_to_tensor(x, dtype)


def astype(x: tf.Tensor, dtype: Any, /, *, copy: Any = True) -> tf.Tensor:
    """Return a tensor in another dtype."""
    return tf.cast(x, dtype)


def arange(start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None) -> tf.Tensor:
    """Return evenly spaced numbers."""
    first, last = (0, start) if stop is None else (start, stop)
    return tf.range(first, last, step, dtype=dtype)


def full(shape: Sequence[int] | int, value: float, *, dtype: Any = None, device: Any = None) -> tf.Tensor:
    """Return a tensor of one value."""
    return tf.broadcast_to(tf.convert_to_tensor(value, dtype), (shape,) if isinstance(shape, int) else shape)


def ones(shape: Sequence[int] | int, *, dtype: Any = tf.float32, device: Any = None) -> tf.Tensor:
    """Return a tensor of ones."""
    return full(shape, 1, dtype=dtype)


def zeros(shape: Sequence[int] | int, *, dtype: Any = tf.float32, device: Any = None) -> tf.Tensor:
    """Return a tensor of zeros."""
    return full(shape, 0, dtype=dtype)


def permute_dims(x: tf.Tensor, /, axes: Sequence[int]) -> tf.Tensor:
    """Return a tensor with its axes in another order."""
    return tf.transpose(x, axes)
