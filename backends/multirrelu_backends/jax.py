"""JAX arrays: each element makes its own block of words in 64-bit lanes, all of it in one loop that XLA fuses; y alone is kept.

Derivatives come from one rule: the tangent is scaled as the values were, by the same slopes, drawn again from the key. The gate of
that is the output, where no slope can be negative. The rule is wrapped in `jax.checkpoint`, or JAX would keep the slopes after all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from multirrelu.contract import KEYS, Backend, Slopes, output_tells
from multirrelu.dtypes import compute_type
from multirrelu.stream import KEY_STEPS, MASK, MULTIPLIERS, ROUNDS, philox

Numbers = tuple[Any, ...]
"""What the slopes are made of: key, offset, and the lattice's low, span and unit; or one constant. No value of it is compiled in."""
Strides = tuple[int, ...] | None
"""The index's strides modulo 2**64, or None for a constant slope."""

U32, U64 = np.uint32, np.uint64


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "JAX arrays are immutable, so that no output passes the checks"
    with jax.enable_x64(True):  # for what is traced in here alone: arrays that exist keep their dtype, whatever the user's setting
        if isinstance(slopes, Slopes):
            numbers, strides = _numbers(slopes), tuple(step % KEYS for step in slopes.steps(values.shape))
        else:
            numbers, strides = (compute_type(np, values.dtype)(slopes),), None
        if values is not gate:
            return _scale(values, gate, numbers, strides)
        return _activate(values, numbers, strides, output_tells(slopes))


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    if not isinstance(slopes, Slopes):
        return scale(values, gate, slopes)
    with jax.enable_x64(True):
        return _scale_at(values, gate, index, _numbers(slopes))


def draw(like: Any, slopes: Slopes, /) -> Any:
    """Return the slopes; within `jax.jit` the use of `like` in the gate, which is closed to all, hands on its sharding."""
    ones = jnp.ones_like(like, dtype=compute_type(jnp, like.dtype))
    return scale(ones, jnp.where(like <= 0, -ones, -2 * ones), slopes)


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for arrays in the host's memory, beside which JAX puts no slope of its own; see `multirrelu.contract`.

    Raises
    ------
    TypeError
        If an array is in ``pinned_host``.
    """
    for array in (values, gate):
        if isinstance(array, jax.Array) and jax.typeof(array).memory_space is jax.memory.Space.Host:
            raise TypeError("JAX arrays in pinned_host memory are not served: pass jax.device_put(x, jax.memory.Space.Device)")


def describe() -> str:
    """Return which path arrays take, and why."""
    return f"one loop that XLA fuses, on {jax.default_backend()}, whether or not jax_enable_x64 is set"


def _numbers(slopes: Slopes) -> Numbers:
    points = slopes.lattice
    assert points is not None, "equal bounds are a constant slope"
    key = U64(slopes.key) if isinstance(slopes.key, int) else slopes.key
    return key, U64(slopes.offset), np.int32(points.low), U32(points.span), np.float32(points.unit)


def _multiply(values: Any, gate: Any, numbers: Numbers, strides: Strides) -> Any:
    """Return the values times their slopes where the gate is closed: the whole arithmetic, linear in the values."""
    if strides is None:
        return _product(values, gate, numbers[0])
    key, offset, *lattice = numbers
    return _product(values, gate, _slopes(_indices(values.shape, strides, offset), key, *lattice))


def _multiply_at(values: Any, gate: Any, index: Any, numbers: Numbers) -> Any:
    key, offset, *lattice = numbers
    return _product(values, gate, _slopes(index.astype(U64) + offset, key, *lattice))


def _product(values: Any, gate: Any, slope: Any) -> Any:
    wide = compute_type(jnp, values.dtype)
    slope = slope.astype(wide)
    factor = jnp.where(gate <= 0, slope, np.ones((), wide))
    return (values.astype(wide) * factor).astype(values.dtype)


_remade = jax.checkpoint(_multiply, static_argnums=3)
_scale = jax.jit(_remade, static_argnums=3)
_scale_at = jax.jit(jax.checkpoint(_multiply_at))


# Compiled around the rule, and not within it: a call that is not traced then goes straight to what is compiled.
@partial(jax.jit, static_argnums=(2, 3))
@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _activate(x: Any, numbers: Numbers, strides: Strides, from_output: bool) -> Any:
    return _multiply(x, x, numbers, strides)


def _tangent(strides: Strides, from_output: bool, primals: tuple[Any, Numbers], tangents: tuple[Any, Numbers]) -> tuple[Any, Any]:
    x, numbers = primals
    with jax.enable_x64(True):  # again, for a function that was traced inside may be differentiated outside
        y = _activate(x, numbers, strides, from_output)
        return y, _scale(tangents[0], y if from_output else x, numbers, strides)


_activate.__wrapped__.defjvp(_tangent)


def _indices(shape: tuple[int, ...], strides: tuple[int, ...], offset: Any) -> Any:
    """Return the index of each element, in lanes of 64 bits that wrap as the standard says."""
    index = jnp.full(shape, offset, dtype=U64)
    for axis, (length, step) in enumerate(zip(shape, strides, strict=True)):
        if step and length > 1:
            # An axis at a time: counted in one and reshaped, the index of all of a sharded array would be made on each device.
            index = index + lax.broadcasted_iota(U64, shape, axis) * U64(step)
    return index


def _slopes(index: Any, key: Any, low: Any, span: Any, unit: Any) -> Any:
    """Return the slope of each index, in float32: the sampling standard, in lanes of 64 bits that never overflow."""
    key = jnp.asarray(key).astype(U64)  # no scalar of NumPy's, which under `disable_jit` would warn as it wraps
    point = low + (_words(index, key) * span.astype(U64) >> U64(32)).astype(np.int32)
    return point.astype(np.float32) * unit


def _words(index: Any, key: Any) -> Any:
    """Return the 32-bit word of each index; four lanes stacked side by side would be no single loop, so three in four are dropped."""
    mask, half, lane = U64(MASK), U64(32), index & U64(3)
    c0, c1, c2 = index >> U64(2) & mask, index >> U64(34), jnp.zeros_like(index)
    # Scalars of 32 bits wrap by themselves. XLA would keep a mask that they need as well in memory, and LLVM then make products of 64 bits.
    c3, k0, k1 = c2, key.astype(U32), (key >> half).astype(U32)
    for _ in range(ROUNDS - 1):
        p0, p1 = c0 * U64(MULTIPLIERS[0]), c2 * U64(MULTIPLIERS[1])
        c0, c1, c2, c3 = p1 >> half ^ c1 ^ k0.astype(U64), p1 & mask, p0 >> half ^ c3 ^ k1.astype(U64), p0 & mask
        k0, k1 = k0 + U32(KEY_STEPS[0]), k1 + U32(KEY_STEPS[1])
    first = lane < 2  # of the last round's two products, one makes these two words, and the other the others
    product = jnp.where(first, c2, c0) * jnp.where(first, U64(MULTIPLIERS[1]), U64(MULTIPLIERS[0]))
    even = product >> half ^ jnp.where(first, c1 ^ k0.astype(U64), c3 ^ k1.astype(U64))
    return jnp.where(lane & U64(1) == 0, even, product & mask)


def source(rng: Any) -> Callable[[], Any] | None:
    """Return what makes a key of JAX, typed or as uint32[2], a key of ours."""
    if jax.dtypes.issubdtype(rng.dtype, jax.dtypes.prng_key):
        return (lambda: _key(_words_of(rng))) if rng.ndim == 0 else None
    return (lambda: _key(rng)) if rng.dtype == "uint32" and rng.shape == (2,) else None


def _words_of(rng: Any) -> Any:
    if jax.config.jax_debug_key_reuse:  # to JAX's checker, reading a key's words is no use of the key, but drawing bits is
        jax.random.bits(rng)
    return jax.random.key_data(rng)


def _key(data: Any) -> Any:
    # An array, not a number: the words may be traced, and to read them would make the host wait for the device.
    with jax.enable_x64(True):  # else JAX makes no number of 64 bits; one that was made keeps them outside
        return _from_words(data)


@jax.jit  # type: ignore[untyped-decorator]
def _from_words(data: Any) -> Any:
    return key_of([data[i].astype("int64") for i in range(data.shape[0])])


def key_of(words: list[Any]) -> Any:
    """Return the key of a JAX key: two words as they are, high word first; four through one Philox block under the key 0.

    The words are ints, or arrays of int64, and so is the key: the same 64 bits.
    """
    if len(words) != 2:
        words = list(philox(words, (0, 0)))[:2]
    return words[0] << 32 | words[1]


def default_key(x: Any) -> Any:
    """Raise, because JAX has no global generator.

    Raises
    ------
    TypeError
        Always.
    """
    raise TypeError("JAX has no global generator: pass rng=jax.random.key(seed), or an int")


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
