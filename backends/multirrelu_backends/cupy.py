"""CuPy arrays: the kernels of ``_cuda.cu``, on the array's device and the current stream, for which the host never waits.

They are raw kernels, and no `cupy.ElementwiseKernel`, which would put a body into a source, a grid and a loop of CuPy's own: so what runs
is the very file that tests compile by NVRTC, and by a C++ compiler for the host, without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import cupy
from array_api_compat import cupy as namespace

from multirrelu import agnostic
from multirrelu.contract import Backend, Slopes
from multirrelu.dtypes import dtype_name

from ._cuda import OPTIONS, SOURCE, THREADS, launches

NEEDED = "pip install 'multirrelu[cupy-cuda12]' or 'multirrelu[cupy-cuda13]', by the CUDA that the driver supports, brings all it needs"


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    if cupy.cuda.runtime.is_hip:  # AMD's GPUs do not know the kernels' language
        return agnostic.scale(values, gate, slopes, out=out)
    with values.device:
        result = cupy.empty_like(values) if out is None else out
        key = _key(slopes)  # held until the kernel is in the stream: whoever gets this memory next comes after it
        addresses = values.data.ptr, gate.data.ptr, result.data.ptr
        strides = values.strides, gate.strides, result.strides
        kind, key_at = dtype_name(values.dtype), 0 if key is None else key.data.ptr
        for launch in launches(kind, addresses, values.shape, strides, slopes, key_at):
            _kernel(launch.kernel, values.device.id)((launch.blocks,), (THREADS,), launch.arguments)
    return result


def _key(slopes: Slopes | float) -> Any:
    """Return a key that is an array, in 64 bits and on the current device; None for one that is an integer."""
    if not isinstance(slopes, Slopes) or isinstance(slopes.key, int):
        return None
    key = cupy.asarray(slopes.key)
    if key.device != cupy.cuda.Device():
        key = _brought(key)
    return key if key.dtype.itemsize == 8 else key.astype(cupy.int64)


def _brought(key: Any) -> Any:
    """Return a copy on the current device. Its stream waits for that of the key's device, which then waits until the copy is made.

    A stream is told to wait where its device is the current one, for the default stream's handle is the same on all.
    """
    with key.device:
        made = _mark()
    cupy.cuda.get_current_stream().wait_event(made)
    copy = key.copy()
    copied = _mark()
    with key.device:  # whose memory may be another array's from then on
        cupy.cuda.get_current_stream().wait_event(copied)
    return copy


def _mark() -> Any:
    """Return an event that happens when the current stream comes to it."""
    return cupy.cuda.get_current_stream().record(cupy.cuda.Event(disable_timing=True))


@cache
def _kernel(name: str, device: int) -> Any:
    """Return a kernel, compiled for a device, which must be the current one; CuPy keeps what was compiled on disk.

    Raises
    ------
    RuntimeError
        If CuPy lacks what it compiles with.
    """
    kernel = cupy.RawKernel(SOURCE, name, OPTIONS)
    try:
        kernel.compile()
    except Exception as error:
        raise RuntimeError(f"CuPy cannot compile multirrelu's kernels for device {device}: {error}. {NEEDED}") from error
    return kernel


def describe() -> str:
    """Return which path arrays take on the current device, and why."""
    if cupy.cuda.runtime.is_hip:
        return "standard functions, for the kernels are NVIDIA's"
    try:
        device = cupy.cuda.Device().id
        _kernel("consecutive_float32", device)
        compiler = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
        name = cupy.cuda.runtime.getDeviceProperties(device)["name"].decode()
    except Exception as error:  # noqa: BLE001 - whatever CuPy misses, the report says it
        return f"fused kernels that do not run: {error}"
    return f"fused kernels, by NVRTC {compiler}, on {name}; CuPy flushes float32's subnormals"


def source(rng: Any) -> Callable[[], Any] | None:
    """Return what draws a key from a generator of CuPy's, on its device."""
    if isinstance(rng, cupy.random.RandomState):  # which does not know its device: the caller's must be the one
        return lambda: _drawn(rng.randint)
    return (lambda: _drawn_at_home(rng)) if isinstance(rng, cupy.random.Generator) else None


def default_key(x: Any) -> Any:
    """Return a key from the global generator of an array's device, which ``cupy.random.seed`` seeds there."""
    with x.device:
        return _drawn(cupy.random.get_random_state().randint)


def _drawn(integers: Callable[..., Any]) -> Any:
    # Two words of 32 bits, read as one integer, which stays on its device: the host would have to wait for it.
    return integers(0, 1 << 32, size=2, dtype="uint32").view("uint64")[0]


def _drawn_at_home(generator: Any) -> Any:
    # Elsewhere it refuses to draw. Its device has no public name: https://github.com/cupy/cupy/blob/v14.2.0/cupy/random/_bit_generator.pyx
    with cupy.cuda.Device(generator.bit_generator._current_device_id):
        return _drawn(generator.integers)


backend = Backend(
    scale=scale,
    namespace=namespace,
    writeable=True,
    source=source,
    default_key=default_key,
    accepts="a cupy.random.Generator or RandomState",
    describe=describe,
)
