"""MLX arrays: on the CPU the fused kernel on their memory; standard functions on the GPU and inside `mx.compile` and `mx.vmap`."""

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
    from_output = gate is values and output_tells(slopes)
    traced = [slopes.key] if isinstance(slopes, Slopes) and isinstance(slopes.key, mx.array) else []  # an input, because it may be one

    @mx.custom_function
    def apply(values: Array, gate: Array, *key: Array) -> Array:
        return _computed(values, gate, _keyed(slopes, key))

    @apply.vjp
    def vjp(primals: Any, cotangent: Array, y: Array) -> tuple[Array, ...]:
        _, gate, *key = primals
        # Linear in the values, the derivative is the same operation, and all after it are.
        return scale(cotangent, y if from_output else gate, _keyed(slopes, key)), mx.zeros_like(gate), *map(mx.zeros_like, key)

    @apply.jvp
    def jvp(primals: Any, tangents: Any) -> Array:
        _, gate, *key = primals
        return scale(tangents[0], gate, _keyed(slopes, key))

    @apply.vmap
    def vmap(inputs: Any, axes: Any) -> tuple[Array, int]:
        return _over_batch(inputs, axes, slopes), 0

    result = apply(values, mx.stop_gradient(gate), *traced)  # whose zero, added, would turn a gradient of -0.0 into 0.0
    if out is None:
        return result
    out[...] = result
    return out


def scale_at(values: Array, gate: Array, index: Array, slopes: Slopes | float, /) -> Array:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    return agnostic.scale_at(values, mx.stop_gradient(gate), index, slopes)


def _over_batch(inputs: Sequence[Array], axes: Sequence[int | None], slopes: Slopes | float) -> Array:
    """Scale all examples of a batch, whose axis comes first: each has the slopes that it has alone, under the one key or its own."""
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


def _first(x: Array, axis: int | None, size: int) -> Array:
    return mx.broadcast_to(x, (size, *x.shape)) if axis is None else mx.moveaxis(x, axis, 0)


def _keyed(slopes: Slopes | float, key: Sequence[Array]) -> Slopes | float:
    return slopes.keyed(key[0]) if key and isinstance(slopes, Slopes) else slopes


def _computed(values: Array, gate: Array, slopes: Slopes | float) -> Array:
    if mx.default_device().type != mx.DeviceType.cpu:
        return agnostic.scale(values, gate, slopes)
    try:
        v, g = _memory(values), _memory(gate)
        key = _number(slopes.key) if isinstance(slopes, Slopes) else 0
    except ValueError:  # an array that is traced has no memory yet
        return agnostic.scale(values, gate, slopes)
    result = mx.zeros_like(values)
    o = _memory(result)
    addresses = host.address_of(v), host.address_of(g), host.address_of(o)
    if not _kernel.run(dtype_name(values.dtype), addresses, v.shape, (v.strides, g.strides, o.strides), slopes, key):
        return agnostic.scale(values, gate, slopes.keyed(key % KEYS) if isinstance(slopes, Slopes) else slopes)
    return result


def _memory(x: Array) -> np.ndarray[Any, Any]:
    """Return a view of an array's memory, once it is computed; bfloat16, which NumPy lacks, as uint16."""
    return np.array(x.view(mx.uint16) if x.dtype == mx.bfloat16 else x, copy=False)


def _number(key: Any) -> int:
    return key if isinstance(key, int) else int(key.item())


def no_memory(x: Array) -> None:
    """Return None: arrays are values, of which no two share memory that one of them is written to."""


def source(rng: Any) -> Callable[[], Array] | None:
    """Return what makes a key of MLX, uint32[2], a key of ours: its two words, high word first, so that ``mx.random.key(42)`` means 42."""
    if isinstance(rng, mx.array) and rng.dtype == mx.uint32 and rng.shape == (2,):
        return lambda: rng[0].astype(mx.int64) << 32 | rng[1].astype(mx.int64)
    return None


def default_key(x: Array) -> Array:
    """Return a key from the global generator, which `mx.random.seed` seeds."""
    high, low = (mx.random.randint(-(1 << 31), (1 << 31) - 1, (), mx.int32).astype(mx.int64) for _ in range(2))
    return high << 32 | (low & 0xFFFFFFFF)


def describe() -> str:
    """Return which path arrays take, and why."""
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
