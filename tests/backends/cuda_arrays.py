"""NumPy's arrays as CuPy's, in the memory of the host, and CuPy's backend on them."""

from __future__ import annotations

import numpy as np
from cases import dtype_of
from host_cuda import install, view

install()

import multirrelu_backends.cupy as backend  # noqa: E402


def scale(values, gate, slopes, out=None):
    """Multiply NumPy arrays as arrays of CuPy, where they lie."""
    result = np.empty_like(values, subok=False) if out is None else out
    backend.scale(view(values), view(gate), slopes, out=view(result))
    return result


def aligned(size, dtype="f4", off=0):
    """Return an array whose memory begins `off` elements past a multiple of 16 bytes."""
    kind = dtype_of(dtype)
    memory = np.zeros(size * kind.itemsize + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 16 + off * kind.itemsize
    x = memory[start : start + size * kind.itemsize].view(kind)
    x[:] = np.random.default_rng(5).standard_normal(size)
    return x
