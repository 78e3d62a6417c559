"""Dispatch `scale`: to the kernel on the memory of eager tensors, or to operators in a graph, with gradients of any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from multirrelu.contract import Slopes, output_tells
from multirrelu.dtypes import compute_type, dtype_name
from multirrelu.scalars import shown
from multirrelu.stream import signed

from .. import _kernel
from .. import numpy as host
from . import words

with tf.init_scope():  # this module may be imported during a trace, in which tensors are symbols
    EAGER = type(tf.constant(0))
LINE = 64  # bytes; TensorFlow's operators crash on memory with a smaller alignment


def scale(values: tf.Tensor, gate: tf.Tensor, slopes: Slopes | float, /, *, out: None = None) -> tf.Tensor:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    own = gate is values
    values = tf.convert_to_tensor(values)
    return _differentiated(values, values if own else tf.convert_to_tensor(gate), [_key(slopes)], slopes, own)


def scale_at(values: tf.Tensor, gate: tf.Tensor, index: tf.Tensor, slopes: Slopes | float, /) -> tf.Tensor:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    if not isinstance(slopes, Slopes):
        return scale(values, gate, slopes)
    own = gate is values
    values, index = tf.convert_to_tensor(values), tf.convert_to_tensor(index)
    return _differentiated(values, values if own else tf.convert_to_tensor(gate), [_key(slopes), index], slopes, own)


def _key(slopes: Slopes | float) -> tf.Tensor:
    key = slopes.key if isinstance(slopes, Slopes) else 0
    return tf.constant(signed(key), tf.int64) if isinstance(key, int) else tf.cast(key, tf.int64)


def _differentiated(values: tf.Tensor, gate: tf.Tensor, draw: list[tf.Tensor], slopes: Slopes | float, own: bool) -> tf.Tensor:
    """Scale as a function that is linear in the values, so that gradients of any order are the same operation.

    `draw` is the key, followed by the indices for `scale_at`.
    """

    @tf.custom_gradient
    def apply(values: tf.Tensor) -> Any:
        y = _computed(values, values if own else gate, slopes, *draw)
        # The next operation keeps the output anyway.
        kept = (y if output_tells(slopes) else values) if own else gate

        def gradient(g: tf.Tensor) -> tf.Tensor:
            # `tf.identity` makes them tensors of this gradient's graph: its own gradient cannot use tensors of an earlier graph.
            return _differentiated(g, tf.stop_gradient(kept), [*map(tf.identity, draw)], slopes, own=False)

        return y, gradient

    return apply(values)


def _computed(values: tf.Tensor, gate: tf.Tensor, slopes: Slopes | float, key: tf.Tensor, *index: tf.Tensor) -> tf.Tensor:
    if all(isinstance(x, EAGER) and x.device.endswith("CPU:0") for x in (values, gate, key, *index)):
        result = _in_memory(values, gate, int(key), slopes, *index)
        if result is not None:
            return result
    wide = compute_type(tf, values.dtype)
    slope: Any = slopes
    if isinstance(slopes, Slopes):
        slope = words.drawn_at(index[0], key, slopes, wide) if index else words.drawn(values, key, slopes, wide)
    return multiplied(values, gate, slope, wide)


def multiplied(values: tf.Tensor, gate: tf.Tensor, slope: Any, wide: Any) -> tf.Tensor:
    """Return the values times their slopes where the gate is closed."""
    if isinstance(slope, float):  # `tf.cast` rounds a number to float32 first, and TensorFlow's cache of numbers returns 0.0 for -0.0
        slope = np.asarray(slope, wide.as_numpy_dtype)
    factor = tf.where(gate <= 0, slope, tf.ones((), wide))
    return tf.cast(tf.cast(values, wide) * factor, values.dtype)


def _in_memory(values: tf.Tensor, gate: tf.Tensor, key: int, slopes: Slopes | float, *index: tf.Tensor) -> tf.Tensor | None:
    """Scale eager tensors by the kernel on their memory; return None where there is no kernel for them."""
    v, g, *i = map(_memory, (values, gate, *index))
    place = np.empty(v.nbytes + LINE, np.uint8)
    first = -host.address_of(place) % LINE
    result = place[first : first + v.nbytes].view(v.dtype).reshape(v.shape)
    arrays = v, g, result, *i
    run: Any = _kernel.run_at if index else _kernel.run
    places = tuple(map(host.address_of, arrays)), v.shape, tuple([array.strides for array in arrays])
    if not run(dtype_name(values.dtype), *places, slopes, key):
        return None
    if result.size == 0:
        return tf.zeros(result.shape, values.dtype)
    taken = tf.experimental.dlpack.from_dlpack(result.__dlpack__())
    return tf.bitcast(taken, tf.bfloat16) if values.dtype == tf.bfloat16 else taken


def _memory(x: tf.Tensor) -> np.ndarray[Any, Any]:
    """Return a view of an eager tensor's memory; bfloat16, which Python's buffers lack, as uint16."""
    return np.asarray(memoryview(tf.bitcast(x, tf.uint16) if x.dtype == tf.bfloat16 else x))


def draw(like: tf.Tensor, slopes: Slopes | float, /) -> tf.Tensor:
    """Return the slopes of all elements."""
    ones = tf.ones_like(like, compute_type(tf, like.dtype))
    return scale(ones, -ones, slopes)


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for an object that is no dense tensor.

    Raises
    ------
    TypeError
        If `values` is ragged, sparse, or a tensor of another kind.
    ValueError
        If slopes are drawn for a tensor with an unknown number of axes.
    """
    if not isinstance(values, (tf.Tensor, tf.Variable)):
        cure = "x.flat_values" if isinstance(values, tf.RaggedTensor) else "x.values"
        raise TypeError(f"expected a dense tensor, got {shown(values)}: apply rrelu to {cure}")
    if drawn and values.shape.rank is None:
        raise ValueError("slopes depend on the place of each element, but x has an unknown number of axes: call tf.ensure_shape first")


def describe() -> str:
    """Return the path that tensors take, with the reason."""
    path = "in graphs TensorFlow's own Philox, or its words in operators where its counter would not fit"
    if _kernel.kernels() is None:
        return f"{path}; so too eagerly, because Numba is missing, broken or switched off: pip install 'multirrelu[tensorflow]'"
    return f"eagerly the fused kernel on the CPU; {path}"
