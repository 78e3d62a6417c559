"""Measure JAX's backend against compositions of JAX's functions."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import result

from multirrelu import rrelu
from multirrelu.cli.bench.libraries import workload
from multirrelu.cli.bench.libraries.jax import COMPOSED, LEAKY, both, compiled, composed, inputs, leaky, ours
from multirrelu.cli.bench.timing import in_turn, per_call


def beside_leaky(work: str, dtype: str, elements: int) -> result.Work:
    """Return a workload of ``python -m multirrelu bench``, and the leaky ReLU."""
    x, key, g = inputs(dtype, elements)
    program = compiled(both(leaky), x, key, g) if work == "both passes" else compiled(leaky, x, key)
    return {**workload("jax", work, dtype, elements).calls, LEAKY: program}


CASES: list[result.Case] = [
    (case, partial(beside_leaky, case), ("float32", "bfloat16"), 1, asked)
    for case, asked in {"training": {COMPOSED: 3.0}, "both passes": {COMPOSED: 2.0}, "evaluation": {}}.items()
]


def figures() -> result.Figures:
    """Return single figures with their upper limits."""
    x, key, small = jnp.zeros(1 << 24), jax.random.key(0), -jnp.ones(1)
    alone = "one element, not compiled by the caller"
    return {
        "compile the forward pass (s)": (to_compile(ours, x, key), 1.5),
        "compile both passes (s)": (to_compile(both(ours), x, key, x), 1.5),
        "compile the composition (s)": (to_compile(composed, x, key), None),
        f"{alone}, int seed (us)": (1e6 * per_call(partial(rrelu, small, training=True, rng=1)), None),
        f"{alone}, JAX key (us)": (1e6 * per_call(partial(ours, small, key)), None),
    }


def to_compile(program: Callable[..., Any], *arguments: Any) -> float:
    """Return the seconds to trace and compile a program, as the median of several runs without a cache."""
    seconds = []
    for _ in range(5):
        jax.clear_caches()
        seconds += in_turn({"": lambda: jax.jit(program).lower(*arguments).compile()}, 1, uncounted=0)[""]
    return statistics.median(seconds)


if __name__ == "__main__":
    result.main("jax-cpu", 1 << 24, result.rows_of(CASES), figures, ("jax", "jaxlib"), device=str(jax.devices()[0]))
