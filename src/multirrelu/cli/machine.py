"""Describe the machine that a measurement depends on, and the software."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from .. import __version__

CPUINFO = Path("/proc/cpuinfo")


def software() -> dict[str, str]:
    """Return the versions of multirrelu and Python, and the platform."""
    return {"multirrelu": __version__, "python": platform.python_version(), "platform": platform.platform()}


def hardware() -> dict[str, Any]:
    """Return the processor's name, its widest vectors that the kernels use, or else its architecture, and the number of cores."""
    features = field("flags").split()
    vectors = next((name for name in ("avx512f", "avx2") if name in features), platform.machine())
    return {"processor": processor(), "vectors": vectors, "cores": os.cpu_count()}


def processor() -> str:
    """Return the name of the processor: from Linux, which Python does not ask, or else from Python."""
    return field("model name") or platform.processor() or platform.machine()


def field(name: str) -> str:
    """Return what Linux says of the first processor under a name, or nothing."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
