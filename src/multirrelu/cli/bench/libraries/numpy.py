"""The workloads of NumPy, on the processor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from multirrelu_backends.threads import get_num_threads

from ..workload import Workload
from . import _composed

xp, version = np, np.__version__


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads; the copy uses as many threads as the kernel."""
    threads = get_num_threads()
    return _composed.workloads(np, dtype, elements, f"CPU, {threads} threads", lambda x: copy(np.empty_like(x), x))


def copy(out: Any, x: Any) -> Any:
    """Copy an array to another in parts along the first axis, with as many threads as the kernel, and return the other."""
    threads = get_num_threads()
    bounds = [len(x) * part // (4 * threads) for part in range(4 * threads + 1)]
    for _ in _pool(threads).map(lambda first, last: np.copyto(out[first:last], x[first:last]), bounds[:-1], bounds[1:]):
        pass
    return out


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
