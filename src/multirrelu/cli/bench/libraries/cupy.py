"""The workloads of CuPy, on the current device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cupy as cp

from ..layouts import View, whole
from ..workload import LOWER, SEED, UPPER, Workload
from . import _composed

xp, version = cp, cp.__version__


def workloads(dtype: str, elements: int, *, given: bool = False, view: View = whole) -> Iterator[Workload]:
    """Yield the workloads; each call waits for the device. See `_composed.workloads` for `given` and `view`."""
    device, rng = cp.cuda.Device(), cp.random.RandomState(SEED)
    wide = cp.float64 if dtype == "float64" else cp.float32
    return _composed.workloads(
        cp,
        "cp",
        dtype,
        lambda: rng.standard_normal(elements, dtype=cp.float32),
        lambda: rng.uniform(LOWER, UPPER, elements, dtype=wide),
        cp.cuda.runtime.getDeviceProperties(device.id)["name"].decode(),
        copy,
        lambda _: device.synchronize(),
        given=given,
        view=view,
    )


def copy(out: Any, x: Any) -> Any:
    """Copy an array to another, or to a new one, and return it."""
    if out is None:
        return cp.copy(x)
    cp.copyto(out, x)
    return out
