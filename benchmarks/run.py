"""Measure, print the table of ratios, keep it as JSON under ``benchmarks/results`` and draw the picture from that."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import picture
import timing
import torch
import workloads

import multirrelu
from multirrelu_backends.threads import get_num_threads

RESULTS = Path(__file__).parent / "results"
# Case, dtype, and what is asked of which ratio.
ROWS: list[tuple[Callable[..., workloads.Work], str, dict[str, float]]] = [
    (workloads.training, "float32", {workloads.TORCH: 12, workloads.COPY: 0.5}),
    (workloads.training, "float64", {}),
    (workloads.training, "float16", {}),
    (workloads.evaluation, "float32", {workloads.COPY: 0.8}),
    (workloads.evaluation, "float64", {}),
    (workloads.evaluation, "float16", {}),
    (workloads.pullback, "float32", {workloads.COPY: 0.5}),
    (workloads.pullback, "float64", {}),
    (workloads.pullback, "float16", {}),
    (workloads.transposed, "float32", {}),
    (workloads.rows, "float32", {}),
    (workloads.without_numba, "float32", {"torch.nn.functional.rrelu": 1}),
]


def row(case: Callable[..., workloads.Work], dtype: str, elements: int, rounds: int, asked: dict[str, float]) -> dict[str, Any]:
    """Return what one case takes, and its ratios."""
    seconds = timing.in_turn(case(dtype, elements), rounds)
    ratios = {peer: timing.ratio(seconds, peer, workloads.IN_PLACE if peer == workloads.TORCH else workloads.OURS) for peer in seconds}
    if case is workloads.pullback:  # it reads an array more than a copy: the same time moves half as much again
        ratios[workloads.COPY] *= 1.5
    del ratios[workloads.OURS]
    return {
        "case": case.__name__,
        "dtype": dtype,
        "elements": elements,
        "seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "ratios": ratios,
        "asked": asked,
    }


def figures() -> dict[str, tuple[float, float]]:
    """Return single figures and what is asked of each at most."""
    x = -np.ones(1, dtype=np.float32)
    with tempfile.TemporaryDirectory() as place:
        env = {**os.environ, "NUMBA_CACHE_DIR": place}
        first = "import time, numpy; x = -numpy.ones(1000, dtype='float32'); import multirrelu; start = time.perf_counter()\n"
        first += "multirrelu.rrelu(x, training=True, rng=1); print(time.perf_counter() - start)"
        cold, warm = printed(first, env), statistics.median(printed(first, env) for _ in range(5))
    bare = timing.of_process("pass")
    return {
        "one element, training (us)": (1e6 * timing.per_call(lambda: multirrelu.rrelu(x, training=True, rng=1)), 15),
        "one element, evaluation (us)": (1e6 * timing.per_call(lambda: multirrelu.rrelu(x)), 15),
        "import multirrelu, over bare Python (ms)": (1e3 * (timing.of_process("import multirrelu") - bare), 60),
        "first training call, cold (s)": (cold, 4),
        "first training call, later process (s)": (warm, 0.5),
        "peak memory of both passes, outputs given (MiB)": (peak() / 2**20, 1),
    }


def printed(code: str, env: dict[str, str]) -> float:
    """Return the number that a fresh Python prints."""
    return float(subprocess.run([sys.executable, "-c", code], check=True, env=env, capture_output=True, text=True).stdout)


def peak() -> int:
    """Return the most memory that training and its pullback take at once beyond the arrays they are given."""
    x, y, g = workloads.arrays("float32", 1 << 22, 3)
    tracemalloc.start()
    _, pull = multirrelu.rrelu_vjp(x, training=True, rng=1, out=y)
    pull(g, out=g)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    features = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "processor": model,
        "vectors": next((name for name in ("avx512f", "avx2") if name in features), platform.machine()),
        "threads": get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "torch": torch.__version__,
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
            lines.append(f"  {name:45s} {r['elements'] / seconds / 1e6:8.0f} M elements/s {times}{asked}")
    lines.append("")
    lines += [f"{name:50s} {value:8.2f}, at most {asked} asked" for name, (value, asked) in result["figures"].items()]
    return "\n".join(lines)


def main() -> None:
    """Do it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=1 << 24)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--name", default="numpy-cpu", help="of the files under benchmarks/results")
    options = parser.parse_args()
    torch.set_num_threads(get_num_threads())
    rows = [row(case, dtype, options.elements, options.rounds, asked) for case, dtype, asked in ROWS]
    result = {"machine": machine(), "rows": rows, "figures": figures()}
    print(table(result))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    picture.draw(json.loads(path.read_text()), path.with_suffix(".png"))
    print(f"\nkept in {path} and drawn in {path.with_suffix('.png').name}")


if __name__ == "__main__":
    main()
