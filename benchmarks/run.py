"""Measure NumPy's backend: a table of ratios, JSON under ``benchmarks/results``, and a picture."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from typing import Any

import beside_torch
import numpy as np
import report
import timing
import workloads

import multirrelu

# The case, the dtype, and the lower limits of ratios.
ROWS: list[tuple[Callable[..., report.Work], str, dict[str, float]]] = [
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


def row(case: Callable[..., report.Work], dtype: str, elements: int, rounds: int, asked: dict[str, float]) -> dict[str, Any]:
    """Return the times and ratios of one case."""
    made = report.row(case.__name__, case(dtype, elements), dtype, elements, rounds, asked, ours={workloads.TORCH: workloads.IN_PLACE})
    if case is workloads.pullback:  # it reads one array more than a copy, and so moves half as many bytes again
        made["ratios"][workloads.COPY] *= 1.5
    return made


def figures() -> report.Figures:
    """Return single figures with their upper limits."""
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
    """Return the peak memory of training and its pullback, beyond their arguments."""
    x, y, g = workloads.arrays("float32", 1 << 22, 3)
    tracemalloc.start()
    _, pull = multirrelu.rrelu_vjp(x, training=True, rng=1, out=y)
    pull(g, out=g)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def rows(elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return all rows."""
    return [row(case, dtype, elements, rounds, asked) for case, dtype, asked in ROWS]


if __name__ == "__main__":
    beside_torch.main(__doc__, "numpy-cpu", 1 << 24, rows, figures)
