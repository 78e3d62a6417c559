"""NumPy on the processor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from multirrelu_backends.threads import get_num_threads, share

from ..workload import Workload
from . import _composed

xp, version = np, np.__version__


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads; the copy has as many threads as ours."""
    threads = get_num_threads()

    def copy(x: Any) -> Any:
        y = np.empty_like(x)
        share(lambda first, last: np.copyto(y[first:last], x[first:last]), elements, threads)
        return y

    return _composed.workloads(np, dtype, elements, f"CPU, {threads} threads", copy)
