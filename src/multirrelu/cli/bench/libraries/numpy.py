"""The workloads of NumPy, on the processor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from multirrelu_backends.threads import get_num_threads

from ..layouts import View, whole
from ..workload import LOWER, SEED, UPPER, Workload
from . import _composed

xp, version = np, np.__version__


def workloads(dtype: str, elements: int, *, given: bool = False, view: View = whole) -> Iterator[Workload]:
    """Yield the workloads; the copy uses as many threads as the kernel. See `_composed.workloads` for `given` and `view`."""
    rng = np.random.default_rng(SEED)
    return _composed.workloads(
        np,
        "np",
        dtype,
        lambda: rng.standard_normal(elements, dtype=np.float32),
        lambda: rng.uniform(LOWER, UPPER, elements),
        f"CPU, {get_num_threads()} threads",
        copy,
        given=given,
        view=view,
    )


def copy(out: Any, x: Any) -> Any:
    """Copy an array to another, or to a new one, in parts along the first axis with as many threads as the kernel, and return it."""
    out = np.empty_like(x) if out is None else out
    threads = get_num_threads()
    bounds = [len(x) * part // (4 * threads) for part in range(4 * threads + 1)]
    for _ in _pool(threads).map(lambda first, last: np.copyto(out[first:last], x[first:last]), bounds[:-1], bounds[1:]):
        pass
    return out


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
