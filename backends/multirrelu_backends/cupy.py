"""CuPy arrays: one `cupy.ElementwiseKernel` that draws, multiplies and writes, with ``_cuda.cu`` as its preamble.

CuPy compiles, caches and launches it as its own kernels: on the current stream of the array's device, for which the host never waits.
Where memory and index both count on, a thread makes whole Philox blocks and moves 16 bytes at a time, so that memory is the limit;
in any other layout CuPy finds the element, and its thread makes a block for it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import cupy
from array_api_compat import cupy as namespace

from multirrelu.contract import KEYS, Backend, Slopes
from multirrelu.dtypes import dtype_name
from multirrelu.memory import Placement

from ._layout import Axis, collapse

NEEDED = "pip install 'multirrelu[cupy-cuda12]' or 'multirrelu[cupy-cuda13]', by the CUDA that the driver supports, brings all it needs"
PREAMBLE = files(__package__).joinpath("_cuda.cu").read_text(encoding="utf-8")
FORMATS = {  # what CuPy is told of a dtype, and its name in the device code; of half precisions the bits, which need no header of CUDA's
    "float16": ("uint16", "binary16"),
    "bfloat16": ("uint16", "bfloat16"),
    "float32": ("float32", "binary32"),
    "float64": ("float64", "binary64"),
}
WIDE = 16  # bytes that a thread moves at a time
DRAW = "raw uint64 key, int32 low, uint32 span, float64 unit"


class Draw(NamedTuple):
    """What the slopes are made of, in the order of the kernels' arguments; a `span` of 0 says that `unit` is the slope of all."""

    key: Any
    low: int
    span: int
    unit: float


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    with values.device:
        result = cupy.empty_like(values) if out is None else out
        if result.size:
            _launch((values, gate, result), slopes)
    return result


def placement(array: Any) -> Placement:
    """Return where an array lies; CuPy 14.2's DLPack has other strides where they are negative: https://github.com/cupy/cupy/issues/10172."""
    return Placement(array.data.ptr, tuple(zip(array.shape, array.strides, strict=True)), array.itemsize)


def _launch(arrays: tuple[Any, Any, Any], slopes: Slopes | float) -> None:
    out = arrays[2]
    if isinstance(slopes, Slopes):
        points = slopes.lattice
        assert points is not None, "equal bounds are a constant slope"
        draw, index = Draw(_key(slopes.key), *points), slopes.offset
        steps = slopes.steps(out.shape)
    else:  # which needs of an index no more than the order of memory
        draw, index, steps = Draw(0, 0, 0, slopes), 0, tuple([stride // out.itemsize for stride in out.strides])
    axes = collapse(list(zip(out.shape, *[x.strides for x in arrays], steps, strict=True)))
    size, kind = out.itemsize, dtype_name(out.dtype)
    if len(axes) == 1 and (axes[0][0] == 1 or axes[0][1:] == (size, size, size, 1)):
        _consecutive(kind, arrays, index, draw)
    else:
        _anywhere(kind, arrays, axes, index, draw)


def _consecutive(kind: str, arrays: tuple[Any, ...], index: int, draw: Draw) -> None:
    size = arrays[2].itemsize
    each, skip = max(4, WIDE // size), index % 4
    wide = all((x.data.ptr - skip * size) % WIDE == 0 for x in arrays)
    values, gate, out = (cupy.ndarray((x.size,), FORMATS[kind][0], x.data) for x in arrays)
    threads = -(-(skip + out.size) // each)
    _run(consecutive(kind), values, gate, *draw, index // 4, skip, wide, out, size=threads)


def _anywhere(kind: str, arrays: tuple[Any, ...], axes: list[Axis], index: int, draw: Draw) -> None:
    lengths, *strides, steps = zip(*sorted(axes, key=lambda axis: -abs(axis[3])), strict=True)  # neighbours in memory go together
    values, gate, out = (cupy.ndarray(lengths, FORMATS[kind][0], x.data, own) for x, own in zip(arrays, strides, strict=True))
    _run(anywhere(kind, len(lengths)), values, gate, *draw, index, *[step % KEYS for step in steps], out)


def _run(kernel: Any, *arguments: Any, **size: int) -> None:
    """Launch a kernel.

    Raises
    ------
    RuntimeError
        If CuPy lacks what it compiles with.
    """
    try:
        kernel(*arguments, **size)
    except (ImportError, cupy.cuda.compiler.CompileException) as error:
        raise RuntimeError(f"CuPy cannot compile multirrelu's kernel: {str(error).splitlines()[0]}. {NEEDED}") from error


@cache
def consecutive(kind: str) -> Any:
    """Return the kernel for consecutive elements with consecutive indices, of which each thread has some."""
    word, name = FORMATS[kind]
    parameters = f"raw {word} values, raw {word} gate, {DRAW}, uint64 counter, uint32 skip, bool wide"
    arguments = "&values[0], &gate[0], &out[0], out.size(), i, counter, skip, wide, draw"
    return _kernel(f"consecutive_{kind}", parameters, f"raw {word} out", f"multirrelu::consecutive<multirrelu::{name}>({arguments})")


@cache
def anywhere(kind: str, axes: int) -> Any:
    """Return the kernel for elements that CuPy finds by their coordinates, from which each thread makes an index."""
    word, name = FORMATS[kind]
    parameters = ", ".join([f"{word} values, {word} gate, {DRAW}, uint64 index", *[f"uint64 step{axis}" for axis in range(axes)]])
    index = " + ".join(["index", *[f"step{axis} * _ind.get()[{axis}]" for axis in range(axes)]])
    return _kernel(
        f"anywhere_{kind}", parameters, f"{word} out", f"out = multirrelu::anywhere<multirrelu::{name}>(values, gate, {index}, draw)"
    )


def _kernel(name: str, parameters: str, out: str, operation: str) -> Any:
    return cupy.ElementwiseKernel(
        parameters,
        out,
        operation,
        f"multirrelu_{name}",
        preamble=PREAMBLE,
        loop_prep="const multirrelu::Draw draw = {multirrelu::number(key), low, span, unit}",
        reduce_dims=False,  # axes that CuPy merged would have no coordinates
        no_return=True,
        options=("-ffp-contract=off" if cupy.cuda.runtime.is_hip else "-fmad=false",),  # no sum stands beside a product: says what is so
    )


def _key(key: Any) -> Any:
    """Return a key as an integer, or as 64 bits on the current device, which the kernel reads there."""
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
    namespace=namespace,
    writeable=True,
    memory=placement,
    source=source,
    default_key=default_key,
    accepts="a cupy.random.Generator or RandomState",
    describe=describe,
)
