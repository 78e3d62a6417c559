"""Measure NumPy's backend against a copy, PyTorch, and the code that users write, with outputs given."""

from __future__ import annotations

import os
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

import multirrelu
from multirrelu import Slopes
from multirrelu.cli.bench.libraries import workload
from multirrelu.cli.bench.libraries.numpy import copy
from multirrelu.cli.bench.timing import per_call
from multirrelu.cli.bench.workload import COPY, LOWER, MIDDLE, OURS, SEED, STREAM, UPPER, WORDS
from multirrelu_backends import _blocks, _kernel
from multirrelu_backends.threads import get_num_threads

IN_PLACE, TORCH = "multirrelu, in place", "torch.nn.functional.rrelu_"
SLOPES = Slopes(LOWER, UPPER, SEED)
ROW, STEP = 1 << 14, 64  # elements of a row, and the bytes by which the next row begins later: all rows together stay in the cache


def arrays(dtype: str, elements: int, number: int) -> list[np.ndarray]:
    """Return arrays of normal numbers in memory that has been written to, because the first touch of a page costs more than the kernel."""
    rng = np.random.default_rng(SEED)
    return [rng.standard_normal(elements, dtype=np.float32).astype(dtype) for _ in range(number)]


def common(work: str, dtype: str, elements: int) -> result.Work:
    """Return a workload of ``python -m multirrelu bench``, and what limits it."""
    x, y, *more = arrays(dtype, elements, 3 if work == "backward" else 2)
    gate = more[0] if more else x
    limits = {STREAM: lambda: multirrelu.scale(x, gate, 1.0, out=y)}
    if work != "evaluation":
        limits[WORDS] = words(dtype, elements)
    return {**workload("numpy", work, dtype, elements, given=True).calls, **limits}


def words(dtype: str, elements: int) -> Callable[[], object]:
    """Return a function that draws the slopes of all elements, of rows that overlap so that they stay in the cache."""
    rows, size = elements // ROW, np.dtype(dtype).itemsize
    memory = np.ones(ROW + rows * STEP // size, dtype)  # positive, so that it does not change
    strides = ((STEP, size),) * 3
    return lambda: _kernel.run(dtype, (memory.ctypes.data,) * 3, (rows, ROW), strides, SLOPES, SEED)


def training(dtype: str, elements: int) -> result.Work:
    """Training, with `out` and in place; PyTorch's own function is in place too."""
    x, y = arrays(dtype, elements, 2)
    tensor = torch.from_numpy(y)
    in_place = {IN_PLACE: lambda: multirrelu.rrelu(x, training=True, rng=SEED, inplace=True)}
    return {**common("training", dtype, elements), **in_place, TORCH: lambda: torch.nn.functional.rrelu_(tensor, training=True)}


def evaluation(dtype: str, elements: int) -> result.Work:
    """Evaluation, beside PyTorch's leaky ReLU with `out`."""
    x, y = map(torch.from_numpy, arrays(dtype, elements, 2))
    leaky = {"torch.leaky_relu, out given": lambda: torch._C._nn.leaky_relu(x, MIDDLE, out=y)}
    return {**common("evaluation", dtype, elements), **leaky}


def transposed(dtype: str, elements: int) -> result.Work:
    """Training on a transposed matrix."""
    x, y = arrays(dtype, elements, 2)
    side = round(elements**0.5)
    shape = (side, elements // side)
    u, v = (array[: side * shape[1]].reshape(shape).T for array in (x, y))
    return {OURS: lambda: multirrelu.rrelu(u, training=True, rng=SEED, out=v), COPY: lambda: copy(y, x)}


def rows(dtype: str, elements: int) -> result.Work:
    """Training on a chunk: columns 100 to 1,124 of a matrix with 2,048 columns, with the slopes that they have in the whole."""
    x, y = (array.reshape(-1, 2048)[:, 100:1124] for array in arrays(dtype, 2 * elements, 2))
    slopes = Slopes(LOWER, UPPER, SEED, offset=100, strides=(2048, 1))
    return {OURS: lambda: multirrelu.scale(x, x, slopes, out=y), COPY: lambda: copy(y, x)}


def without_numba(dtype: str, elements: int) -> result.Work:
    """Training on one core without Numba, against PyTorch on one core; both return a new array."""
    (x,) = arrays(dtype, elements, 1)
    tensor = torch.from_numpy(x)
    return {
        OURS: lambda: _blocks.write(x, x, SLOPES, np.empty_like(x)),
        "torch.nn.functional.rrelu": lambda: torch.nn.functional.rrelu(tensor, training=True),
    }


DTYPES = ("float32", "float64", "float16")
CASES: list[result.Case] = [
    ("training", training, DTYPES, 1, {TORCH: 12, COPY: 0.5}),
    ("evaluation", evaluation, DTYPES, 1, {COPY: 0.8}),
    ("pullback", partial(common, "backward"), DTYPES, 1, {COPY: 0.5}),
    ("transposed", transposed, DTYPES[:1], 1, {}),
    ("rows", rows, DTYPES[:1], 1, {}),
    ("without_numba", without_numba, DTYPES[:1], 1, {"torch.nn.functional.rrelu": 1}),
]


def figures() -> result.Figures:
    """Return single figures with their upper limits."""
    x = -np.ones(1, dtype=np.float32)
    took = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
    first = "import numpy; x = -numpy.ones(1000, dtype='float32'); import multirrelu; "
    first += took.format("multirrelu.rrelu(x, training=True, rng=1)")
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


def printed(code: str, rounds: int, cache: str | None = None) -> float:
    """Return the median of the numbers that fresh Pythons print, with a folder for compiled kernels."""
    env = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    command = [sys.executable, "-c", code]
    return statistics.median(float(subprocess.run(command, check=True, env=env, capture_output=True).stdout) for _ in range(rounds))


def peak() -> int:
    """Return the peak memory of training and its pullback, beyond their arguments."""
    x, y, g = arrays("float32", 1 << 22, 3)

    def both() -> None:
        _, pull = multirrelu.rrelu_vjp(x, training=True, rng=SEED, out=y)
        pull(g, out=g)

    both()  # loads what the first call needs
    tracemalloc.start()
    both()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


if __name__ == "__main__":
    threads = get_num_threads()
    torch.set_num_threads(threads)  # as many as the kernel's
    result.main(
        __doc__, "numpy-cpu", 1 << 24, result.rows_of(CASES, {TORCH: IN_PLACE}), figures, ("numpy", "numba", "torch"), threads=threads
    )
