"""The workloads of CuPy, on the current device."""

from __future__ import annotations

from collections.abc import Iterator

import cupy as cp

from ..workload import Workload
from . import _composed

xp, version = cp, cp.__version__


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads; each call waits for the device."""
    device = cp.cuda.Device()
    name = cp.cuda.runtime.getDeviceProperties(device.id)["name"].decode()
    return _composed.workloads(cp, dtype, elements, name, cp.copy, lambda _: device.synchronize())
