"""CuPy arrays: a fused kernel on the current stream of the array's device; the host never waits, and keys stay on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy
from array_api_compat import cupy as namespace

from multirrelu.contract import Backend, Slopes
from multirrelu.memory import Placement

from ._cuda import launch, launch_at

NEEDED = "pip install 'multirrelu[cupy-cuda12]' or 'multirrelu[cupy-cuda13]', by the CUDA that the driver supports, brings all it needs"


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    with values.device:
        result = cupy.empty_like(values) if out is None else out
        if result.size:
            _run(launch, (values, gate, result), slopes, _key(slopes))
    return result


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    with values.device:
        result = cupy.empty_like(values)
        if result.size:
            _run(launch_at, (values, gate, result), index, slopes, _key(slopes))
    return result


def _run(launcher: Callable[..., None], *arguments: Any) -> None:
    """Launch the kernel.

    Raises
    ------
    RuntimeError
        If CuPy lacks its compiler.
    """
    try:
        launcher(*arguments)
    except (ImportError, cupy.cuda.compiler.CompileException) as error:
        raise RuntimeError(f"CuPy cannot compile multirrelu's kernel: {str(error).splitlines()[0]}. {NEEDED}") from error


def draw(like: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes of an array on its device, which need not be the current device."""
    with like.device:
        one = cupy.ones((1,) * like.ndim, dtype=cupy.float64 if like.dtype == cupy.float64 else cupy.float32)
        values, gate = (cupy.broadcast_to(x, like.shape) for x in (one, -one))
        return scale(values, gate, slopes, out=cupy.empty(like.shape, dtype=one.dtype))


def placement(array: Any) -> Placement:
    """Return the placement; CuPy 14.2's DLPack is wrong for negative strides: https://github.com/cupy/cupy/issues/10172."""
    return Placement(array.data.ptr, array.shape, array.strides, array.itemsize)


def _key(slopes: Slopes | float) -> Any:
    """Return the key as an integer, or as 64 bits on the current device, where the kernel reads them."""
    key = slopes.key if isinstance(slopes, Slopes) else 0
    if isinstance(key, int):
        return key
    if not isinstance(key, cupy.ndarray):
        key = cupy.asarray(key)
    elif key.device != cupy.cuda.Device():  # `asarray` would copy it before it is computed
        key = _brought(key)
    return (key if key.dtype.itemsize == 8 else key.astype(cupy.int64)).view(cupy.uint64)


def _brought(key: Any) -> Any:
    """Return a copy on the current device. The current stream waits for the stream of the key's device, which then waits for the copy.

    Each stream is made to wait while its device is current, because the default stream has the same handle on all devices.
    """
    with key.device:
        made = _mark()
    cupy.cuda.get_current_stream().wait_event(made)
    copy = key.copy()
    copied = _mark()
    with key.device:  # after the copy, the key's memory may go to another array
        cupy.cuda.get_current_stream().wait_event(copied)
    return copy


def _mark() -> Any:
    """Return an event, recorded on the current stream."""
    return cupy.cuda.get_current_stream().record(cupy.cuda.Event(disable_timing=True))


def describe() -> str:
    """Return the path that arrays take on the current device, with the reason."""
    try:
        x = cupy.zeros(4, dtype=cupy.float32)
        scale(x, x, 0.5)
        compiler = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    except Exception as error:  # noqa: BLE001 - the report shows any failure of CuPy
        return f"a fused kernel, which does not run: {error}"
    return f"a fused kernel, by NVRTC {compiler}, on {name}; CuPy flushes float32's subnormals"


def source(rng: Any) -> Callable[[], Any] | None:
    """Return a function that draws a key from a generator of CuPy, on its device, or None."""
    if isinstance(rng, cupy.random.RandomState):  # it does not know its device, so the current device must be the one
        return lambda: _drawn(rng.randint)
    return (lambda: _drawn_at_home(rng)) if isinstance(rng, cupy.random.Generator) else None


def default_key(x: Any) -> Any:
    """Return a key from the global generator of the array's device; ``cupy.random.seed`` seeds it."""
    with x.device:
        return _drawn(cupy.random.get_random_state().randint)


def _drawn(integers: Callable[..., Any]) -> Any:
    # Two words of 32 bits, read as one integer that stays on its device, so that the host does not wait.
    return integers(0, 1 << 32, size=2, dtype="uint32").view("uint64")[0]


def _drawn_at_home(generator: Any) -> Any:
    # It cannot draw elsewhere. Its device has no public name: https://github.com/cupy/cupy/blob/v14.2.0/cupy/random/_bit_generator.pyx
    with cupy.cuda.Device(generator.bit_generator._current_device_id):
        return _drawn(generator.integers)


backend = Backend(
    scale=scale,
    scale_at=scale_at,
    draw=draw,
    namespace=namespace,
    writeable=True,
    memory=placement,
    source=source,
    default_key=default_key,
    accepts="a cupy.random.Generator or RandomState",
    describe=describe,
)
