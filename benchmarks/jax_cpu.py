"""Measure JAX's backend against compositions of JAX's functions: a table of ratios, and JSON under ``benchmarks/results``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import report
import timing

import multirrelu

OURS = report.OURS
COMPOSITION, LEAKY, COPY = "jnp.where(x >= 0, x, x * jax.random.uniform(...))", "jax.nn.leaky_relu", "jnp.copy"

Program = Callable[..., Any]


def ours(x: jax.Array, key: jax.Array) -> jax.Array:
    """Apply `multirrelu.rrelu` in training."""
    return multirrelu.rrelu(x, training=True, rng=key)


def composition(x: jax.Array, key: jax.Array) -> jax.Array:
    """Apply the code that users write without this package, which keeps the uniform numbers for the backward pass."""
    return jnp.where(x >= 0, x, x * jax.random.uniform(key, x.shape, x.dtype, 1 / 8, 1 / 3))


def leaky(x: jax.Array, key: jax.Array) -> jax.Array:
    """Apply the leaky ReLU: without random numbers, only reading and writing remain."""
    return jax.nn.leaky_relu(x, 11 / 48)


def both(function: Program) -> Program:
    """Return a program with both the forward and the backward pass."""

    def passes(x: jax.Array, key: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pullback = jax.vjp(lambda x: function(x, key), x)
        return y, pullback(g)[0]

    return passes


def row(case: str, programs: dict[str, Program], arguments: tuple[Any, ...], rounds: int, asked: dict[str, float]) -> dict[str, Any]:
    """Return the times of a case's programs, and their ratios."""
    calls: report.Work = {name: waiting(jax.jit(program), arguments) for name, program in programs.items()}
    return report.row(case, calls, str(arguments[0].dtype), arguments[0].size, rounds, asked)


def waiting(program: Program, arguments: tuple[Any, ...]) -> Callable[[], object]:
    """Return a call that waits for the result, after the previous result has been freed."""
    return lambda: jax.block_until_ready(program(*arguments))


def rows(elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return all cases."""
    made = []
    for dtype in (jnp.float32, jnp.bfloat16):
        x, g = (jax.random.normal(jax.random.key(seed), (elements,), dtype) for seed in (0, 1))
        wanted = dtype == jnp.float32
        forward = {OURS: ours, COMPOSITION: composition, LEAKY: leaky, COPY: lambda x, key: x + 0}
        made.append(row("training", forward, (x, jax.random.key(2)), rounds, {COMPOSITION: 3} if wanted else {}))
        passes = {OURS: both(ours), COMPOSITION: both(composition), LEAKY: both(leaky)}
        made.append(row("both passes", passes, (x, jax.random.key(2), g), rounds, {COMPOSITION: 2} if wanted else {}))
        evaluation = {OURS: multirrelu.rrelu, LEAKY: lambda x: jax.nn.leaky_relu(x, 11 / 48)}
        made.append(row("evaluation", evaluation, (x,), rounds, {}))
    return made


def figures() -> report.Figures:
    """Return single figures with their upper limits."""
    x, key = jnp.zeros(1 << 24), jax.random.key(0)
    small = -jnp.ones(1)
    return {
        "compile the forward pass (s)": (compiled(ours, x, key), 1.5),
        "compile both passes (s)": (compiled(both(ours), x, key, x), 1.5),
        "compile the composition (s)": (compiled(composition, x, key), None),
        "one element, not compiled by the caller, int seed (us)": (
            1e6 * timing.per_call(lambda: multirrelu.rrelu(small, training=True, rng=1)),
            None,
        ),
        "one element, not compiled by the caller, JAX key (us)": (1e6 * timing.per_call(lambda: ours(small, key)), None),
    }


def compiled(program: Program, *arguments: Any) -> float:
    """Return the seconds to trace and compile a program, as the median of several runs without a cache."""
    seconds = []
    for _ in range(5):
        jax.clear_caches()
        start = time.perf_counter()
        jax.jit(program).lower(*arguments).compile()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    report.main(__doc__, "jax-cpu", 1 << 24, rows, figures, {**report.machine("jax", "jaxlib"), "device": str(jax.devices()[0])})
