"""JAX arrays: each element computes its own Philox block in 64-bit lanes, in one loop that XLA fuses.

Autodiff keeps the output and a few numbers. Derivatives come from one rule: the tangent is scaled as the values were, by the same slopes,
which are drawn again from the key. The gate of the tangent is the output where no slope can be negative. `jax.checkpoint` wraps the rule,
because JAX would keep the slopes otherwise.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from multirrelu.bounds import Lattice
from multirrelu.contract import KEYS, Backend, Slopes, output_tells
from multirrelu.dtypes import compute_type
from multirrelu.stream import KEY_STEPS, MASK, MULTIPLIERS, ROUNDS

from .keys import default_key, source

Numbers = tuple[Any, ...]
"""What the slopes are computed from: key, offset, and low, span and unit of the lattice; or one constant."""
Packed = tuple[Any, ...]
"""The same as the arguments of a compiled call: the key, and an array of the others as 64-bit words; or one constant slope.

A key that is an int is the last of the words, and None takes its place. One array costs a call half of the time of five scalars.
"""
Strides = tuple[int, ...] | None
"""The strides of the index, or None for a constant slope."""

U32, U64, F64 = np.uint32, np.uint64, np.dtype(np.float64)
HOST = jax.memory.Space.Host


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "JAX arrays are immutable, so that no output passes the checks"
    if isinstance(slopes, Slopes):
        with jax.enable_x64(True):  # for the operations traced inside only: existing arrays keep their dtype under any setting of the user
            return _scaled(values, gate, slopes, _packed(slopes), slopes.steps(values.shape))
    if values.dtype == F64:
        with jax.enable_x64(True):
            return _scaled(values, gate, slopes, (slopes,), None)
    # A Python float costs a call less than a NumPy scalar. XLA rounds it to float32, but flushes what would round up to a normal number.
    slope = slopes if abs(slopes) >= 1e-37 else float(np.float32(slopes))
    return _scaled(values, gate, slopes, (slope,), None)


def _scaled(values: Any, gate: Any, slopes: Slopes | float, packed: Packed, strides: Strides) -> Any:
    return _activate(values, packed, strides, output_tells(slopes)) if values is gate else _scale(values, gate, packed, strides)


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    if not isinstance(slopes, Slopes):
        return scale(values, gate, slopes)
    with jax.enable_x64(True):
        return _scale_at(values, gate, index, _packed(slopes))


def draw(like: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes; within `jax.jit` the gate, which is closed everywhere, is made of `like` so that its sharding propagates."""
    ones = jnp.ones_like(like, dtype=compute_type(jnp, like.dtype))
    return scale(ones, jnp.where(like <= 0, -ones, -2 * ones), slopes)


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for arrays in the host's memory, where JAX cannot place the slopes; see `multirrelu.contract`.

    Raises
    ------
    TypeError
        If an array is in ``pinned_host``.
    """
    if _in_host_memory(values) or (gate is not values and _in_host_memory(gate)):
        raise TypeError("JAX arrays in pinned_host memory are not supported: pass jax.device_put(x, jax.memory.Space.Device)")


def _in_host_memory(array: Any) -> bool:
    return isinstance(array, jax.Array) and array.aval.memory_space is HOST


def describe() -> str:
    """Return the path that arrays take, with the reason."""
    return f"one loop that XLA fuses, on {jax.default_backend()}, whether or not jax_enable_x64 is set"


def _packed(slopes: Slopes) -> Packed:
    assert slopes.lattice is not None, "equal bounds are a constant slope"
    words = _lattice_words(slopes.lattice).copy()  # a new array for each call, because a trace keeps it, and XLA may read it after the call
    words[0] = slopes.offset
    if not isinstance(slopes.key, int):
        return slopes.key, words
    words[4] = slopes.key
    return None, words


@lru_cache(maxsize=1024)
def _lattice_words(points: Lattice) -> Any:
    """Return the words of a lattice, between the places of the offset and of the key."""
    return np.array([0, points.low % KEYS, points.span, int(np.float32(points.unit).view(U32)), 0], U64)


def _numbers(packed: Packed) -> Numbers:
    if len(packed) == 1:
        return packed
    key, words = packed
    offset, low, span = words[0], words[1].astype(np.int32), words[2].astype(U32)
    return words[4] if key is None else key, offset, low, span, lax.bitcast_convert_type(words[3].astype(U32), np.float32)


def _multiply(values: Any, gate: Any, numbers: Numbers, strides: Strides) -> Any:
    """Return the values times their slopes where the gate is closed: all of the arithmetic, linear in the values."""
    if strides is None:
        return _product(values, gate, numbers[0])
    key, offset, *lattice = numbers
    return _product(values, gate, _slopes(_indices(values.shape, strides, offset), key, *lattice))


def _multiply_at(values: Any, gate: Any, index: Any, numbers: Numbers) -> Any:
    key, offset, *lattice = numbers
    return _product(values, gate, _slopes(index.astype(U64) + offset, key, *lattice))


def _product(values: Any, gate: Any, slope: Any) -> Any:
    wide = compute_type(jnp, values.dtype)
    factor = jnp.where(gate <= 0, jnp.asarray(slope, wide), np.ones((), wide))  # a constant is a Python float under `disable_jit`
    return (values.astype(wide) * factor).astype(values.dtype)


_remade = jax.checkpoint(_multiply, static_argnums=3)
_remade_at = jax.checkpoint(_multiply_at)


@partial(jax.jit, static_argnums=3)
def _scale(values: Any, gate: Any, packed: Packed, strides: Strides) -> Any:
    return _remade(values, gate, _numbers(packed), strides)


@jax.jit  # type: ignore[untyped-decorator]
def _scale_at(values: Any, gate: Any, index: Any, packed: Packed) -> Any:
    return _remade_at(values, gate, index, _numbers(packed))


# The compilation wraps the rule and is not inside it, so that a call outside of a trace goes straight to compiled code.
@partial(jax.jit, static_argnums=(2, 3))
def _activate(x: Any, packed: Packed, strides: Strides, from_output: bool) -> Any:
    return _rule(x, _numbers(packed), strides, from_output)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _rule(x: Any, numbers: Numbers, strides: Strides, from_output: bool) -> Any:
    return _multiply(x, x, numbers, strides)


def _tangent(strides: Strides, from_output: bool, primals: tuple[Any, Numbers], tangents: tuple[Any, Numbers]) -> tuple[Any, Any]:
    x, numbers = primals
    with jax.enable_x64(True):  # again, because a function that was traced inside may be differentiated outside
        y = _rule(x, numbers, strides, from_output)
        return y, _remade(tangents[0], y if from_output else x, numbers, strides)


_rule.defjvp(_tangent)


def _indices(shape: tuple[Any, ...], strides: tuple[Any, ...], offset: Any) -> Any:
    """Return the index of each element in 64-bit lanes, which wrap as the standard requires."""
    index = jnp.full(shape, offset, dtype=U64)
    for axis, (length, step) in enumerate(zip(shape, strides, strict=True)):
        if step != 0 and length != 1:
            # One axis at a time: one flat range, reshaped, would compute all indices of a sharded array on each device.
            # A step is no int where it is a product of sizes that `jax.export` leaves open.
            number = U64(step % KEYS) if isinstance(step, int) else jnp.asarray(step).astype(U64)
            index = index + lax.broadcasted_iota(U64, shape, axis) * number
    return index


def _slopes(index: Any, key: Any, low: Any, span: Any, unit: Any) -> Any:
    """Return the slope of each index in float32: the sampling standard in 64-bit lanes, which never overflow."""
    key = jnp.asarray(key).astype(U64)  # a NumPy scalar would warn of a wrap-around under `disable_jit`
    point = low + (_words(index, key) * span.astype(U64) >> U64(32)).astype(np.int32)
    return point.astype(np.float32) * unit


def _words(index: Any, key: Any) -> Any:
    """Return the 32-bit word of each index; each block uses one of its four words, because stacking all four would not be a single loop."""
    mask, half, lane = U64(MASK), U64(32), index & U64(3)
    c0, c1, c2 = index >> U64(2) & mask, index >> U64(34), jnp.zeros_like(index)
    # 32-bit scalars wrap by themselves. A mask shared with them would be kept in memory by XLA, and LLVM would then use 64-bit products.
    c3, k0, k1 = c2, key.astype(U32), (key >> half).astype(U32)
    for _ in range(ROUNDS - 1):
        p0, p1 = c0 * U64(MULTIPLIERS[0]), c2 * U64(MULTIPLIERS[1])
        c0, c1, c2, c3 = p1 >> half ^ c1 ^ k0.astype(U64), p1 & mask, p0 >> half ^ c3 ^ k1.astype(U64), p0 & mask
        k0, k1 = k0 + U32(KEY_STEPS[0]), k1 + U32(KEY_STEPS[1])
    first = lane < 2  # the last round has two products; each gives two of the words
    product = jnp.where(first, c2, c0) * jnp.where(first, U64(MULTIPLIERS[1]), U64(MULTIPLIERS[0]))
    even = product >> half ^ jnp.where(first, c1 ^ k0.astype(U64), c3 ^ k1.astype(U64))
    return jnp.where(lane & U64(1) == 0, even, product & mask)


backend = Backend(
    scale=scale,
    scale_at=scale_at,
    draw=draw,
    namespace=jnp,
    writeable=False,
    check=check,
    source=source,
    default_key=default_key,
    accepts="a JAX key",
    describe=describe,
)
