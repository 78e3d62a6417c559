"""Measure NumPy's kernel as compiled for processors with narrower vectors, against this processor: in turn, and with equal bits.

Numba compiles for one processor in a process, so each target has its own process, which waits for its turn.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import report
import timing

import multirrelu
from multirrelu_backends.threads import num_threads

# LLVM's name of a processor, and its features that affect how the kernel is compiled; None is this processor.
TARGETS = {
    report.OURS: None,
    "AVX2": ("haswell", "+avx2,+f16c,+fma"),
    "SSE4.2": ("nehalem", "+sse4.2,+popcnt"),
    "SSE2": ("x86-64", "+sse2"),
}
CASES = [("training", "float32"), ("training", "float64"), ("evaluation", "float32")]
CALLS = 8  # in a turn, after an uncounted call that finds the caches of another process


def work() -> None:
    """Answer each line: a case, a dtype and a number of elements by the digest of the result, an empty line by the seconds of a call."""
    for line in sys.stdin:
        if line.strip():
            case, dtype, elements = line.split()
            x = np.random.default_rng(0).standard_normal(int(elements), dtype=np.float32).astype(dtype)
            y = np.zeros_like(x)
            call = partial(multirrelu.rrelu, x, training=case == "training", rng=1, out=y)
            call()
            print(hashlib.sha256(y).hexdigest(), flush=True)
        else:
            with num_threads(1):
                print(statistics.median(timing.in_turn({"": call}, CALLS)[""]), flush=True)


@contextmanager
def worker(target: tuple[str, str] | None) -> Iterator[subprocess.Popen[str]]:
    """Start a process whose kernels are compiled for a target."""
    with tempfile.TemporaryDirectory() as cache:
        numba = {} if target is None else dict(zip(("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"), target, strict=True))
        env = {**os.environ, **numba, "NUMBA_CACHE_DIR": cache}
        command = [sys.executable, __file__, "work"]
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield process


def ask(process: subprocess.Popen[str], line: str = "") -> str:
    """Return the answer of a worker to a line."""
    assert process.stdin
    assert process.stdout
    print(line, file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def rows(elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each case."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(worker(target)) for name, target in TARGETS.items()}
        return [row(workers, case, dtype, elements, rounds) for case, dtype in CASES]


def row(workers: dict[str, subprocess.Popen[str]], case: str, dtype: str, elements: int, rounds: int) -> dict[str, Any]:
    """Return the times of one case on each target, after checking that the results are equal."""
    digests = {name: ask(process, f"{case} {dtype} {elements}") for name, process in workers.items()}
    if len(set(digests.values())) != 1 or "" in digests.values():
        sys.exit(f"{case}, {dtype}: the bits differ: {digests}")
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, process in workers.items():
            seconds[name].append(float(ask(process)))
    ratios = {name: timing.ratio(seconds, name, report.OURS) for name in workers if name != report.OURS}
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {"case": case, "dtype": dtype, "elements": elements, "seconds": medians, "ratios": ratios, "asked": {}}


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        work()
    else:
        report.main(__doc__, "vectors-cpu", 1 << 18, rows, dict, {**report.machine("numpy", "numba"), "threads": 1})
