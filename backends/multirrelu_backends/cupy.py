"""CuPy arrays: the kernels of ``_cuda.cu``, on the array's device and the current stream, for which the host never waits.

They are raw kernels, not elementwise ones, so that what is compiled is that file and nothing else: tests compile the same without a GPU.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cupy

from multirrelu import agnostic
from multirrelu.contract import Slopes
from multirrelu.dtypes import dtype_name

from ._cuda import KINDS, OPTIONS, SOURCE, THREADS, launches

NEEDED = "pip install 'multirrelu[cupy-cuda12]' or 'multirrelu[cupy-cuda13]', by the CUDA that the driver supports, brings all it needs"


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    kind = dtype_name(values.dtype)
    if kind not in KINDS or cupy.cuda.runtime.is_hip:  # AMD's GPUs do not know the kernels' language
        return agnostic.scale(values, gate, slopes, out=out)
    with values.device:
        result = cupy.empty_like(values) if out is None else out
        key = _key(slopes)  # held until the kernel is in the stream: whoever gets this memory next comes after it
        addresses = values.data.ptr, gate.data.ptr, result.data.ptr
        strides = values.strides, gate.strides, result.strides
        for launch in launches(kind, addresses, values.shape, strides, slopes, 0 if key is None else key.data.ptr):
            _kernel(launch.kernel)((launch.blocks,), (THREADS,), launch.arguments)
    return result


def _key(slopes: Slopes | float) -> Any:
    """Return a key that is an array, in 64 bits and on the current device; None for one that is an integer."""
    if not isinstance(slopes, Slopes) or isinstance(slopes.key, int):
        return None
    key = cupy.asarray(slopes.key)
    if key.device != cupy.cuda.Device():
        key = key.copy()  # to the current device
    return key if key.dtype.itemsize == 8 else key.astype(cupy.int64)


@cache
def _kernel(name: str) -> Any:
    """Return a kernel, compiled; CuPy keeps what was compiled on disk, and compiles it for each kind of device.

    Raises
    ------
    RuntimeError
        If CuPy lacks what it compiles with.
    """
    kernel = cupy.RawKernel(SOURCE, name, OPTIONS)
    try:
        kernel.compile()
    except Exception as error:
        raise RuntimeError(f"CuPy cannot compile multirrelu's kernels: {error}. {NEEDED}") from error
    return kernel


def describe() -> str:
    """Return which path arrays take, and why."""
    if cupy.cuda.runtime.is_hip:
        return "standard functions, for the kernels are NVIDIA's"
    try:
        compiler, device = cupy.cuda.nvrtc.getVersion(), cupy.cuda.Device()
        name = cupy.cuda.runtime.getDeviceProperties(device.id)["name"].decode()
    except Exception as error:  # noqa: BLE001 - whatever CuPy misses, the report says it
        return f"fused kernels that cannot be compiled: {error}. {NEEDED}"
    return f"fused kernels, by NVRTC {'.'.join(map(str, compiler))}, on {name}; CuPy flushes float32's subnormals"
