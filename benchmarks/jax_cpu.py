"""Measure JAX's backend against what is written in its place: a table of ratios, kept as JSON under ``benchmarks/results``."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import timing

import multirrelu
from multirrelu.bench.machine import processor

RESULTS = Path(__file__).parent / "results"
OURS = "multirrelu"
COMPOSITION, LEAKY, COPY = "jnp.where(x >= 0, x, x * jax.random.uniform(...))", "jax.nn.leaky_relu", "jnp.copy"

Program = Callable[..., Any]


def ours(x: jax.Array, key: jax.Array) -> jax.Array:
    """Training."""
    return multirrelu.rrelu(x, training=True, rng=key)


def composition(x: jax.Array, key: jax.Array) -> jax.Array:
    """What one writes without this package; the uniform numbers are kept for the backward pass."""
    return jnp.where(x >= 0, x, x * jax.random.uniform(key, x.shape, x.dtype, 1 / 8, 1 / 3))


def leaky(x: jax.Array, key: jax.Array) -> jax.Array:
    """No noise at all: what remains is to read and to write."""
    return jax.nn.leaky_relu(x, 11 / 48)


def both(function: Program) -> Program:
    """Return a program of the forward pass and of the backward pass."""

    def passes(x: jax.Array, key: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pullback = jax.vjp(lambda x: function(x, key), x)
        return y, pullback(g)[0]

    return passes


def row(case: str, programs: dict[str, Program], arguments: tuple[Any, ...], rounds: int, asked: dict[str, float]) -> dict[str, Any]:
    """Return what the programs of one case take, and their ratios."""
    calls = {name: waiting(jax.jit(program), arguments) for name, program in programs.items()}
    seconds = timing.in_turn(calls, rounds)
    return {
        "case": case,
        "dtype": str(arguments[0].dtype),
        "elements": arguments[0].size,
        "seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "ratios": {name: timing.ratio(seconds, name, OURS) for name in programs if name != OURS},
        "asked": asked,
    }


def waiting(program: Program, arguments: tuple[Any, ...]) -> Callable[[], object]:
    """Return a call that waits for the result; what it gave before is let go first."""
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


def figures(elements: int) -> dict[str, tuple[float, float | None]]:
    """Return single figures and what is asked of each at most."""
    x, key = jnp.zeros(elements), jax.random.key(0)
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
    """Return the seconds to trace and compile a program, the median of several times from nothing."""
    seconds = []
    for _ in range(5):
        jax.clear_caches()
        start = time.perf_counter()
        jax.jit(program).lower(*arguments).compile()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return {
        "processor": processor(),
        "device": str(jax.devices()[0]),
        "cores": sum(line.startswith("processor") for line in lines),
        "system": platform.platform(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "multirrelu": multirrelu.__version__,
    }


def table(result: dict[str, Any]) -> str:
    """Return the result as text."""
    lines = [f"{name}: {value}" for name, value in result["machine"].items()] + [""]
    for r in result["rows"]:
        lines.append(f"{r['case']}, {r['dtype']}, {r['elements']:,} elements")
        for name, seconds in r["seconds"].items():
            times = f"{r['ratios'][name]:7.2f} times as fast" if name in r["ratios"] else " " * 21
            asked = f", at least {r['asked'][name]} asked" if name in r["asked"] else ""
            lines.append(f"  {name:52s} {r['elements'] / seconds / 1e6:8.0f} M elements/s {times}{asked}")
    lines.append("")
    for name, (value, most) in result["figures"].items():
        lines.append(f"{name:56s} {value:8.2f}" + (f", at most {most} asked" if most else ""))
    return "\n".join(lines)


def main() -> None:
    """Do it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=1 << 24)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--name", default="jax-cpu", help="of the file under benchmarks/results")
    options = parser.parse_args()
    result = {"machine": machine(), "rows": rows(options.elements, options.rounds), "figures": figures(options.elements)}
    print(table(result))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nkept in {path}")


if __name__ == "__main__":
    main()
