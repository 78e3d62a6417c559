"""Measure JAX's backend against compositions of JAX's functions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import result

import multirrelu
from multirrelu.cli.bench.libraries.jax import COMPOSED, LEAKY, both, compiled, composed, inputs, leaky, ours, workloads
from multirrelu.cli.bench.timing import per_call

ASKED = {("training", "float32"): {COMPOSED: 3.0}, ("both passes", "float32"): {COMPOSED: 2.0}}


def rows(elements: int, rounds: int) -> Iterator[result.Row]:
    """Yield all rows; the leaky ReLU is beside the workloads of ``python -m multirrelu bench``."""
    for dtype in ("float32", "bfloat16"):
        x, key, g = inputs(dtype, elements)
        others = {"training": compiled(leaky, x, key), "both passes": compiled(both(leaky), x, key, g)}
        for one in workloads(dtype, elements):
            if one.work != "backward":
                work = {**one.calls, **({LEAKY: others[one.work]} if one.work in others else {})}
                yield result.row(one.work, work, dtype, elements, rounds, ASKED.get((one.work, dtype), {}))


def figures() -> result.Figures:
    """Return single figures with their upper limits."""
    x, key = jnp.zeros(1 << 24), jax.random.key(0)
    small = -jnp.ones(1)
    return {
        "compile the forward pass (s)": (to_compile(ours, x, key), 1.5),
        "compile both passes (s)": (to_compile(both(ours), x, key, x), 1.5),
        "compile the composition (s)": (to_compile(composed, x, key), None),
        "one element, not compiled by the caller, int seed (us)": (
            1e6 * per_call(lambda: multirrelu.rrelu(small, training=True, rng=1)),
            None,
        ),
        "one element, not compiled by the caller, JAX key (us)": (1e6 * per_call(lambda: ours(small, key)), None),
    }


def to_compile(program: Callable[..., Any], *arguments: Any) -> float:
    """Return the seconds to trace and compile a program, as the median of several runs without a cache."""
    seconds = []
    for _ in range(5):
        jax.clear_caches()
        start = time.perf_counter()
        jax.jit(program).lower(*arguments).compile()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    result.main(__doc__, "jax-cpu", 1 << 24, rows, figures, ("jax", "jaxlib"), device=str(jax.devices()[0]))
