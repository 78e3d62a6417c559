"""CuPy arrays: a fused kernel, on the current stream of the array's device, for which the host never waits; keys stay on the device."""

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
    """Launch.

    Raises
    ------
    RuntimeError
        If CuPy lacks what it compiles with.
    """
    try:
        launcher(*arguments)
    except (ImportError, cupy.cuda.compiler.CompileException) as error:
        raise RuntimeError(f"CuPy cannot compile multirrelu's kernel: {str(error).splitlines()[0]}. {NEEDED}") from error


def draw(like: Any, slopes: Slopes, /) -> Any:
    """Return the slopes of an array's elements, on its device, whichever is the current one."""
    with like.device:
        one = cupy.ones((1,) * like.ndim, dtype=cupy.float64 if like.dtype == cupy.float64 else cupy.float32)
        values, gate = (cupy.broadcast_to(x, like.shape) for x in (one, -one))
        return scale(values, gate, slopes, out=cupy.empty(like.shape, dtype=one.dtype))


def placement(array: Any) -> Placement:
    """Return where an array lies; CuPy 14.2's DLPack has other strides where they are negative: https://github.com/cupy/cupy/issues/10172."""
    return Placement(array.data.ptr, tuple(zip(array.shape, array.strides, strict=True)), array.itemsize)


def _key(slopes: Slopes | float) -> Any:
    """Return the key as an integer, or as 64 bits on the current device, which the kernel reads there."""
    key = slopes.key if isinstance(slopes, Slopes) else 0
    if isinstance(key, int):
        return key
    if not isinstance(key, cupy.ndarray):
        key = cupy.asarray(key)
    elif key.device != cupy.cuda.Device():  # `asarray` would copy it before it is there
        key = _brought(key)
    return (key if key.dtype.itemsize == 8 else key.astype(cupy.int64)).view(cupy.uint64)


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


def describe() -> str:
    """Return which path arrays take on the current device, and why."""
    try:
        x = cupy.zeros(4, dtype=cupy.float32)
        scale(x, x, 0.5)
        compiler = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    except Exception as error:  # noqa: BLE001 - whatever CuPy misses, the report says it
        return f"a fused kernel, which does not run: {error}"
    return f"a fused kernel, by NVRTC {compiler}, on {name}; CuPy flushes float32's subnormals"


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
