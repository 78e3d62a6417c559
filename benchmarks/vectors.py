"""Measure NumPy's kernel as compiled for processors with narrower vectors, against this processor: in turn, and with equal bits.

Numba compiles for one processor in a process, so each target has its own process, which waits for its turn.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from unittest import mock

import result

from multirrelu.cli.bench.libraries import workload
from multirrelu.cli.bench.timing import compare, per_call
from multirrelu.cli.bench.workload import OURS
from multirrelu_backends.threads import num_threads

# LLVM's name of a processor, and its features that affect how the kernel is compiled; without them it is this processor.
TARGETS = {OURS: (), "AVX2": ("haswell", "+avx2,+f16c,+fma"), "SSE4.2": ("nehalem", "+sse4.2,+popcnt"), "SSE2": ("x86-64", "+sse2")}
CASES = [("training", "float32"), ("training", "float64"), ("evaluation", "float32")]
CALLS = 8  # in a turn, after an uncounted call that finds the caches of another process


def turn(case: str, dtype: str, elements: int) -> tuple[float, str]:
    """Return the seconds of a call in this process, and the digest of its result."""
    ours = workload("numpy", case, dtype, elements, given=True).ours
    with num_threads(1):
        return per_call(ours, calls=1, rounds=CALLS), hashlib.sha256(ours()).hexdigest()


@contextmanager
def worker(target: tuple[str, ...]) -> Iterator[ProcessPoolExecutor]:
    """Start a process whose kernels are compiled for a target."""
    with tempfile.TemporaryDirectory() as cache, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        numba = dict(zip(("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"), target, strict=False))
        with mock.patch.dict(os.environ, {**numba, "NUMBA_CACHE_DIR": cache}):
            pool.submit(os.getpid).result()  # which starts the process
        yield pool


def rows(elements: int, rounds: int) -> Iterator[result.Row]:
    """Yield a row for each case."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(worker(target)) for name, target in TARGETS.items()}
        for case, dtype in CASES:
            yield {"case": case, "dtype": dtype, "elements": elements, **times(workers, case, dtype, elements, rounds), "asked": {}}


def times(workers: dict[str, ProcessPoolExecutor], case: str, dtype: str, elements: int, rounds: int) -> result.Row:
    """Return the seconds and the ratios of one case on each target, after checking that the results are equal."""
    found = [{name: pool.submit(turn, case, dtype, elements).result() for name, pool in workers.items()} for _ in range(rounds + 1)]
    digests = {name: digest for name, (_, digest) in found[0].items()}
    if len(set(digests.values())) != 1:
        sys.exit(f"{case}, {dtype}: the bits differ: {digests}")
    seconds, ratios = compare(case, {name: [one[name][0] for one in found[1:]] for name in workers})
    return {"seconds": seconds, "ratios": ratios}


if __name__ == "__main__":
    result.main("vectors-cpu", 1 << 18, rows, packages=("numpy", "numba"), threads=1)
