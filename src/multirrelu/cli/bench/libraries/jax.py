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


def ours(x: Any, key: Any) -> Any:
    """Apply `multirrelu.rrelu` in training."""
    return rrelu(x, training=True, rng=key)


def composed(x: Any, key: Any) -> Any:
    """Apply the composition that users write; the slopes are kept for the backward pass."""
    return jnp.where(x > 0, x, x * jax.random.uniform(key, x.shape, x.dtype, LOWER, UPPER))


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads; each is a compiled program, and each call waits for its result."""
    device, key = jax.devices()[0], jax.random.key(SEED)
    x, g = (jax.random.normal(jax.random.key(seed), (elements,), dtype) for seed in range(2))
    name = "CPU" if device.platform == "cpu" else device.device_kind

    def work(what: str, ours: Callable[[], Any], peer: str, theirs: Callable[[], Any]) -> Workload:
        return Workload(name, what, ours, lambda: jnp.copy(x), peer, theirs, jax.block_until_ready)

    written = "jnp.where(x > 0, x, x * jax.random.uniform(...))"
    yield work("training", compiled(ours, x, key), written, compiled(composed, x, key))
    yield work("evaluation", compiled(rrelu, x), "jax.nn.leaky_relu", compiled(lambda x: jax.nn.leaky_relu(x, MIDDLE), x))
    yield work("backward", backward(ours, x, key, g), written, backward(composed, x, key, g))


def compiled(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Return a call of a program."""
    program = jax.jit(function)
    return lambda: program(*arguments)


def backward(function: Callable[..., Any], x: Any, key: Any, g: Any) -> Callable[[], Any]:
    """Return the backward pass alone, as a program that takes the residuals of the forward pass."""
    program = jax.jit(lambda pullback, g: pullback(g))

    @cache  # the first call makes it
    def pullback() -> Any:
        return jax.vjp(lambda x: function(x, key), x)[1]

    return lambda: program(pullback(), g)
