"""Draw keys from TensorFlow's generators: the caller's own, or the global one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def source(rng: Any) -> Callable[[], tf.Tensor] | None:
    """Return a function that draws a key from a generator, which advances in graphs too, or None."""
    return (lambda: rng.uniform_full_int((), tf.int64)) if isinstance(rng, tf.random.Generator) else None


def default_key(x: tf.Tensor) -> tf.Tensor:
    """Return a key from the global generator; `tf.random.set_seed` seeds it."""
    return tf.random.uniform((), tf.int64.min, tf.int64.max, tf.int64)  # the upper end is exclusive
