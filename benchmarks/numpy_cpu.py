"""Measure NumPy's backend against a copy, PyTorch, and the code that users write, with outputs given."""

from __future__ import annotations

import os

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # else PyTorch's threads take a core for milliseconds from whatever is measured next

import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import result
import torch
from torch.nn import functional

import multirrelu
from multirrelu import Slopes
from multirrelu.cli.bench.layouts import LAYOUTS
from multirrelu.cli.bench.libraries import workload
from multirrelu.cli.bench.libraries.torch import tensors
from multirrelu.cli.bench.timing import per_call
from multirrelu.cli.bench.workload import COPY, LOWER, MIDDLE, OURS, SEED, STREAM, UPPER, WORDS
from multirrelu_backends import _blocks, _kernel

IN_PLACE, TORCH = "multirrelu, in place", "torch.nn.functional.rrelu_"
SLOPES = Slopes(LOWER, UPPER, SEED)
ROW, STEP = 1 << 14, 64  # elements of a row, and the bytes by which the next row begins later: all rows together stay in the cache


def common(work: str, dtype: str, elements: int) -> result.Work:
    """Return a workload of ``python -m multirrelu bench``, what limits it, and PyTorch's functions that do the same."""
    one, (tensor, out) = workload("numpy", work, dtype, elements, given=True), tensors(dtype, elements)
    ways = {**one.calls, STREAM: one.stream}  # of the same arrays, whose place in memory can cost a fifth
    if work == "evaluation":  # which draws no words
        return {**ways, "torch.leaky_relu, out given": lambda: torch._C._nn.leaky_relu(tensor, MIDDLE, out=out)}
    ways[WORDS] = words(dtype, elements)
    if work == "training":
        ways[IN_PLACE] = lambda: multirrelu.rrelu(tensor.numpy(), training=True, rng=SEED, inplace=True)
        ways[TORCH] = lambda: functional.rrelu_(out, training=True)
    return ways


def words(dtype: str, elements: int) -> Callable[[], object]:
    """Return a function that draws the slopes of all elements, of rows that overlap so that they stay in the cache."""
    rows, size = elements // ROW, np.dtype(dtype).itemsize
    memory = np.ones(ROW + rows * STEP // size, dtype)  # positive, so that it does not change
    strides = ((STEP, size),) * 3
    return lambda: _kernel.run(dtype, (memory.ctypes.data,) * 3, (rows, ROW), strides, SLOPES, SEED)


def viewed(layout: str, dtype: str, elements: int) -> result.Work:
    """Training on views of another layout, beside a copy of the same layout."""
    view, times = LAYOUTS[layout]
    ways = workload("numpy", "training", dtype, times * elements, given=True, view=view).ways
    return {name: ways[name] for name in (OURS, COPY)}


def without_numba(dtype: str, elements: int) -> result.Work:
    """Training on one core without Numba, against PyTorch on one core; both return a new array."""
    tensor, _ = tensors(dtype, elements)
    x = tensor.numpy()
    return {
        OURS: lambda: _blocks.write(x, x, SLOPES, np.empty_like(x)),
        "torch.nn.functional.rrelu": lambda: functional.rrelu(tensor, training=True),
    }


DTYPES = ("float32", "float64", "float16")
CASES: list[result.Case] = [
    ("training", partial(common, "training"), DTYPES, 1, {TORCH: 12, COPY: 0.5}),
    ("evaluation", partial(common, "evaluation"), DTYPES, 1, {COPY: 0.8}),
    ("pullback", partial(common, "backward"), DTYPES, 1, {COPY: 0.5}),
    *((layout, partial(viewed, layout), DTYPES[:1], 1, {}) for layout in LAYOUTS),
    ("without_numba", without_numba, DTYPES[:1], 1, {"torch.nn.functional.rrelu": 1}),
]


def figures() -> result.Figures:
    """Return single figures with their upper limits."""
    x = -np.ones(1, dtype=np.float32)
    took = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
    first = "import numpy, multirrelu; x = -numpy.ones(1000, dtype='float32'); " + took.format("multirrelu.rrelu(x, training=True, rng=1)")
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = printed(first, 1, cache), printed(first, 5, cache)
    return {
        "one element, training (us)": (1e6 * per_call(lambda: multirrelu.rrelu(x, training=True, rng=1)), 15),
        "one element, evaluation (us)": (1e6 * per_call(lambda: multirrelu.rrelu(x)), 15),
        "import multirrelu, over bare Python (ms)": (1e3 * printed(took.format("import multirrelu"), 9), 60),
        "first training call, cold (s)": (cold, 4),
        "first training call, later process (s)": (warm, 0.5),
        "peak memory of both passes, outputs given (MiB)": (peak() / 2**20, 1),
    }


def printed(code: str, rounds: int, cache: str = "") -> float:
    """Return the median of the numbers that fresh Pythons print, with a folder for compiled kernels."""
    run = partial(
        subprocess.run, [sys.executable, "-c", code], check=True, env={**os.environ, "NUMBA_CACHE_DIR": cache}, capture_output=True
    )
    return statistics.median(float(run().stdout) for _ in range(rounds))


def peak() -> int:
    """Return the peak memory of training and its pullback, beyond their arguments."""
    call = workload("numpy", "both passes", "float32", 1 << 22, given=True).ours
    call()  # loads what the first call needs
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


if __name__ == "__main__":
    rows = result.rows_of(CASES, {TORCH: IN_PLACE})
    result.main("numpy-cpu", 1 << 24, rows, figures, ("numpy", "numba", "torch"), threads=result.threads())
