"""Measure times by size, from one element to 2**26: ours against each library's alternative, forward and both passes."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import report
import timing
import torch
from torch.nn.functional import rrelu as native

from multirrelu import rrelu, rrelu_vjp
from multirrelu.cli.bench.workload import LOWER, SEED, UPPER
from multirrelu_backends.threads import get_num_threads

SECONDS = 0.002  # of a round, for which small calls are repeated
Pairs = dict[str, dict[str, Callable[[], object]]]
"""The functions of each case: ours, and the peer under its name."""


def of_numpy(elements: int) -> Pairs:
    """Return the functions of NumPy."""
    rng = np.random.default_rng(SEED)
    x, g = (rng.standard_normal(elements, np.float32) for _ in range(2))

    def both() -> object:
        y, pullback = rrelu_vjp(x, training=True, rng=SEED)
        return y, pullback(g)

    def factors() -> Any:
        return np.where(x > 0, np.float32(1), rng.uniform(LOWER, UPPER, elements).astype(np.float32))

    def theirs() -> object:
        factor = factors()
        return x * factor, g * factor

    name = "numpy.where(x > 0, 1, rng.uniform(...))"
    return {
        "forward": {report.OURS: lambda: rrelu(x, training=True, rng=SEED), name: lambda: x * factors()},
        "both passes": {report.OURS: both, name: theirs},
    }


def of_torch(elements: int) -> Pairs:
    """Return the functions of PyTorch, with keys from its global generator."""
    x, g = torch.randn(2, elements)
    leaf = x.clone().requires_grad_()

    def both(function: Callable[..., torch.Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(function(leaf, training=True), leaf, g)

    name = "torch.nn.functional.rrelu"
    return {
        "forward": {report.OURS: lambda: rrelu(x, training=True), name: lambda: native(x, training=True)},
        "both passes": {report.OURS: both(rrelu), name: both(native)},
    }


def of_jax(elements: int) -> Pairs:
    """Return the programs of JAX."""
    key = jax.random.key(SEED)
    x, g = jax.random.normal(key, (2, elements))

    def composed(x: Any, *, training: bool, rng: Any) -> Any:
        return jnp.where(x > 0, x, x * jax.random.uniform(rng, x.shape, x.dtype, LOWER, UPPER))

    def both(function: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
        def passes(x: Any, key: Any, g: Any) -> Any:
            y, pullback = jax.vjp(lambda x: function(x, training=True, rng=key), x)
            return y, pullback(g)[0]

        return passes

    def program(function: Callable[..., Any], *arguments: Any) -> Callable[[], object]:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arguments))

    def forward(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        return lambda x, key: function(x, training=True, rng=key)

    name = "jnp.where(x > 0, x, x * jax.random.uniform(...))"
    return {
        "forward": {report.OURS: program(forward(rrelu), x, key), name: program(forward(composed), x, key)},
        "both passes": {report.OURS: program(both(rrelu), x, key, g), name: program(both(composed), x, key, g)},
    }


def row(library: str, case: str, elements: int, work: dict[str, Callable[[], object]], rounds: int) -> dict[str, Any]:
    """Return the time of a call of each function, and how many times as fast ours is."""
    once = sum(took for (took,) in timing.in_turn(work, 1).values())
    calls = max(1, int(SECONDS / once))
    repeated = {name: (lambda function=function: [function() for _ in range(calls)]) for name, function in work.items()}
    seconds = timing.in_turn(repeated, rounds)
    (peer,) = work.keys() - {report.OURS}
    medians = {name: statistics.median(times) / calls for name, times in seconds.items()}
    ratio = timing.ratio(seconds, peer, report.OURS)
    print(f"{library:8s} {case:12s} {elements:12,} {1e6 * medians[report.OURS]:14,.1f} us {ratio:8.2f} times as fast as {peer}", flush=True)
    return {"library": library, "case": case, "elements": elements, "seconds": medians, "ratio": ratio}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=26, help="power of two")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    threads = get_num_threads()
    torch.set_num_threads(threads)
    rows = [
        row(library, case, 1 << power, work, options.rounds)
        for library, pairs in {"NumPy": of_numpy, "PyTorch": of_torch, "JAX": of_jax}.items()
        for power in range(0, options.largest + 1, 2)
        for case, work in pairs(1 << power).items()
    ]
    result = {"machine": {**report.machine("numpy", "numba", "torch", "jax"), "threads": threads}, "rows": rows}
    path = report.RESULTS / "sizes.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nkept in {path}")
