"""The workloads of JAX, compiled, on the default device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from .... import rrelu
from ..workload import LOWER, MIDDLE, SEED, UPPER, Workload

xp, version = jnp, jax.__version__
COMPOSED, LEAKY = "jnp.where(x >= 0, x, x * jax.random.uniform(...))", "jax.nn.leaky_relu"
Program = Callable[..., Any]


def ours(x: Any, key: Any) -> Any:
    """Apply `multirrelu.rrelu` in training."""
    return rrelu(x, training=True, rng=key)


def composed(x: Any, key: Any) -> Any:
    """Apply the composition that users write; the slopes are kept for the backward pass."""
    return jnp.where(x >= 0, x, x * jax.random.uniform(key, x.shape, x.dtype, LOWER, UPPER))


def leaky(x: Any, key: Any = None) -> Any:
    """Apply the leaky ReLU: without random numbers, only reading and writing remain."""
    return jax.nn.leaky_relu(x, MIDDLE)


def both(function: Program) -> Program:
    """Return a program of the forward and the backward pass."""

    def passes(x: Any, key: Any, g: Any) -> tuple[Any, Any]:
        y, pullback = jax.vjp(lambda x: function(x, key), x)
        return y, pullback(g)[0]

    return passes


def inputs(dtype: str, elements: int) -> tuple[Any, Any, Any]:
    """Return an array, a key, and a gradient."""
    x, g = (jax.random.normal(jax.random.key(seed), (elements,), dtype) for seed in range(2))
    return x, jax.random.key(SEED), g


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads; each is a compiled program, and each call waits for its result."""
    device = jax.devices()[0]
    x, key, g = inputs(dtype, elements)
    name = "CPU" if device.platform == "cpu" else device.device_kind

    def work(what: str, ours: Callable[[], Any], peer: str, theirs: Callable[[], Any]) -> Workload:
        return Workload(name, what, ours, lambda: jax.block_until_ready(jnp.copy(x)), peer, theirs)

    yield work("training", compiled(ours, x, key), COMPOSED, compiled(composed, x, key))
    yield work("evaluation", compiled(rrelu, x), LEAKY, compiled(leaky, x))
    yield work("backward", backward(ours, x, key, g), COMPOSED, backward(composed, x, key, g))
    yield work("both passes", compiled(both(ours), x, key, g), COMPOSED, compiled(both(composed), x, key, g))


def compiled(function: Program, *arguments: Any) -> Callable[[], Any]:
    """Return a call of a program that waits for the result."""
    program = jax.jit(function)
    return lambda: jax.block_until_ready(program(*arguments))


def backward(function: Program, x: Any, key: Any, g: Any) -> Callable[[], Any]:
    """Return the backward pass alone, as a program that takes the residuals of the forward pass."""
    program = jax.jit(lambda pullback, g: pullback(g))

    @cache  # the first call makes it
    def pullback() -> Any:
        return jax.vjp(lambda x: function(x, key), x)[1]

    return lambda: jax.block_until_ready(program(pullback(), g))
