"""MLX arrays: the fused kernel on their memory on the CPU; standard functions on the GPU and inside `mx.compile` and `mx.vmap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import mlx.core as mx
import numpy as np

from multirrelu import agnostic
from multirrelu.contract import KEYS, Backend, Slopes, output_tells
from multirrelu.dtypes import dtype_name
from multirrelu.stream import indices

from . import _kernel
from . import numpy as host

Array: TypeAlias = Any


def scale(values: Array, gate: Array, slopes: Slopes | float, /, *, out: Array | None = None) -> Array:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""

    def computed(values: Array, gate: Array, *key: Array) -> Array:
        return _computed(values, gate, _keyed(slopes, key))

    def over_batch(inputs: Sequence[Array], axes: Sequence[int | None]) -> Array:
        return _over_batch(inputs, axes, slopes)

    result = _linear(computed, over_batch, values, gate, _traced(slopes), gate is values and output_tells(slopes))
    if out is None:
        return result
    out[...] = result
    return out


def scale_at(values: Array, gate: Array, index: Array, slopes: Slopes | float, /) -> Array:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    if not isinstance(slopes, Slopes):
        return scale(values, gate, slopes)

    def computed(values: Array, gate: Array, index: Array, *key: Array) -> Array:
        return _computed(values, gate, _keyed(slopes, key), index)

    def over_batch(inputs: Sequence[Array], axes: Sequence[int | None]) -> Array:
        return _over_batch_at(inputs, axes, slopes)

    return _linear(computed, over_batch, values, gate, [index, *_traced(slopes)], gate is values and output_tells(slopes))


def _traced(slopes: Slopes | float) -> list[Array]:
    """Return the key where it can be an input of a trace."""
    return [slopes.key] if isinstance(slopes, Slopes) and isinstance(slopes.key, mx.array) else []


def _linear(
    computed: Callable[..., Array],
    over_batch: Callable[[Sequence[Array], Sequence[int | None]], Array],
    values: Array,
    gate: Array,
    others: Sequence[Array],
    from_output: bool,
) -> Array:
    """Return ``computed(values, gate, *others)``, which is linear in the values, so that each derivative is the same operation."""

    def again(values: Array, gate: Array, others: Sequence[Array]) -> Array:
        return _linear(computed, over_batch, values, gate, others, False)

    apply = mx.custom_function(computed)

    @apply.vjp
    def vjp(primals: Any, cotangent: Array, y: Array) -> tuple[Array, ...]:
        _, gate, *others = primals
        return again(cotangent, y if from_output else gate, others), mx.zeros_like(gate), *map(mx.zeros_like, others)

    @apply.jvp
    def jvp(primals: Any, tangents: Any) -> Array:
        _, gate, *others = primals
        return again(tangents[0], gate, others)

    @apply.vmap
    def vmap(inputs: Any, axes: Any) -> tuple[Array, int]:
        return over_batch(inputs, axes), 0

    return apply(values, mx.stop_gradient(gate), *others)  # adding the gate's zero gradient would turn -0.0 into 0.0


def _over_batch(inputs: Sequence[Array], axes: Sequence[int | None], slopes: Slopes | float) -> Array:
    """Scale all examples of a batch along the first axis; each has the slopes that it has alone, under one key or its own."""
    size = next(x.shape[axis] for x, axis in zip(inputs, axes, strict=True) if axis is not None)
    values, gate = (_first(x, axis, size) for x, axis in zip(inputs[:2], axes[:2], strict=True))
    key = inputs[2:]
    example = tuple(values.shape[1:])
    if not isinstance(slopes, Slopes) or not key or axes[2] is None:
        shared = slopes.moved(0, (0, *slopes.steps(example))) if isinstance(slopes, Slopes) else slopes
        return scale(values, gate, _keyed(shared, key))
    index = mx.broadcast_to(indices(mx, example, slopes, None), values.shape)
    keys = mx.reshape(mx.moveaxis(key[0], axes[2], 0), (size,) + (1,) * len(example))
    return agnostic.scale_at(values, gate, index, slopes.moved(-slopes.offset, None).keyed(keys))


def _over_batch_at(inputs: Sequence[Array], axes: Sequence[int | None], slopes: Slopes) -> Array:
    """Scale all examples of a batch of elements with indices, along the first axis, under one key or each under its own."""
    size = next(x.shape[axis] for x, axis in zip(inputs, axes, strict=True) if axis is not None)
    values, gate, index = (_first(x, axis, size) for x, axis in zip(inputs[:3], axes[:3], strict=True))
    key = inputs[3:]
    if not key or axes[3] is None:
        return scale_at(values, gate, index, _keyed(slopes, key))
    keys = mx.reshape(mx.moveaxis(key[0], axes[3], 0), (size,) + (1,) * (values.ndim - 1))
    return agnostic.scale_at(values, gate, index, slopes.keyed(keys))


def _first(x: Array, axis: int | None, size: int) -> Array:
    return mx.broadcast_to(x, (size, *x.shape)) if axis is None else mx.moveaxis(x, axis, 0)


def _keyed(slopes: Slopes | float, key: Sequence[Array]) -> Slopes | float:
    return slopes.keyed(key[0]) if key and isinstance(slopes, Slopes) else slopes


def _computed(values: Array, gate: Array, slopes: Slopes | float, *index: Array) -> Array:
    if mx.default_device().type != mx.DeviceType.cpu:
        return _standard(values, gate, slopes, *index)
    try:
        v, g, *i = map(_memory, (values, gate, *index))
        key = _number(slopes.key) if isinstance(slopes, Slopes) else 0
    except ValueError:  # a traced array has no memory yet
        return _standard(values, gate, slopes, *index)
    result = mx.zeros_like(values)
    arrays = v, g, _memory(result), *i
    run: Any = _kernel.run_at if index else _kernel.run
    places = tuple(map(host.address_of, arrays)), v.shape, tuple([array.strides for array in arrays])
    if not run(dtype_name(values.dtype), *places, slopes, key):
        return _standard(values, gate, slopes.keyed(key % KEYS) if isinstance(slopes, Slopes) else slopes, *index)
    return result


def _standard(values: Array, gate: Array, slopes: Any, *index: Array) -> Array:
    return agnostic.scale_at(values, gate, index[0], slopes) if index else agnostic.scale(values, gate, slopes)


def _memory(x: Array) -> np.ndarray[Any, Any]:
    """Evaluate an array and return a view of its memory; bfloat16, which NumPy lacks, becomes uint16."""
    return np.array(x.view(mx.uint16) if x.dtype == mx.bfloat16 else x, copy=False)


def _number(key: Any) -> int:
    return key if isinstance(key, int) else int(key.item())


def no_memory(x: Array) -> None:
    """Return None: MLX arrays are values, and writing to one never changes another."""


def source(rng: Any) -> Callable[[], Array] | None:
    """Return a function that joins the two words of an MLX key, uint32[2], high word first: ``mx.random.key(42)`` means 42; or None."""
    if isinstance(rng, mx.array) and rng.dtype == mx.uint32 and rng.shape == (2,):
        return lambda: rng[0].astype(mx.int64) << 32 | rng[1].astype(mx.int64)
    return None


def default_key(x: Array) -> Array:
    """Return a key from the global generator; `mx.random.seed` seeds it."""
    high, low = (mx.random.randint(-(1 << 31), (1 << 31) - 1, (), mx.int32).astype(mx.int64) for _ in range(2))
    return high << 32 | (low & 0xFFFFFFFF)


def describe() -> str:
    """Return the path that arrays take, with the reason."""
    if mx.default_device().type != mx.DeviceType.cpu:
        return "using the slower standard functions on the GPU, where MLX's operators compute them"
    if _kernel.kernels() is None:
        return "using the slower standard functions because Numba is missing, broken or switched off: pip install 'multirrelu[mlx]'"
    return "the fused kernel on the CPU; standard functions inside mx.compile and mx.vmap"


backend = Backend(
    scale=scale,
    scale_at=scale_at,
    namespace=mx,
    writeable=True,
    memory=no_memory,
    source=source,
    default_key=default_key,
    accepts="an MLX key",
    describe=describe,
)
