"""CuPy on its GPU, for `gpu`: the workloads of the command, and a raw kernel of the same device code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cupy
from result import Work

import multirrelu
from multirrelu.bounds import lattice
from multirrelu.cli.bench import layouts
from multirrelu.cli.bench.libraries import cupy as command
from multirrelu.cli.bench.timing import events
from multirrelu.cli.bench.workload import LOWER, SEED, UPPER
from multirrelu_backends._cuda import FORMATS, PREAMBLE

# With its own launcher instead of CuPy's loop and indexing.
RAW = """
extern "C" __global__ void __launch_bounds__(256) raw(const WORD *values, const WORD *gate, WORD *out, long long length,
        unsigned long long index, unsigned long long key, int low, unsigned int span, double unit) {
    const multirrelu::Draw draw = {key, low, span, unit};
    const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    multirrelu::consecutive<multirrelu::FORMAT>(values, gate, out, length, thread, index, draw);
}
"""
OUT_OF_MEMORY = cupy.cuda.memory.OutOfMemoryError
xp, CLOCK = cupy, events(cupy.cuda.Event, cupy.cuda.get_elapsed_time)
release = cupy.get_default_memory_pool().free_all_blocks


def gpu() -> str | None:
    """Return the name of the GPU, if there is one."""
    return str(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()) if cupy.is_available() else None


def cases(dtype: str, elements: int) -> Iterator[tuple[str, int, Work]]:
    """Yield each case, the elements of its arrays, and its functions."""
    for case, size, ways in layouts.cases(lambda view: command.workloads(dtype, elements, given=True, view=view), elements):
        yield case, size, {**ways, **(peers(dtype, elements) if case == "training" else {})}


def peers(dtype: str, elements: int) -> Work:
    """Return others beside training: a new array, the raw kernel, and a kernel of CuPy's own, for the time of a small call."""
    x = (cupy.arange(elements, dtype="float32") % 7 - 3).astype(dtype)
    y, raw = cupy.empty_like(x), _raw(dtype)
    raw(x, y)
    expected = multirrelu.rrelu(x, training=True, rng=SEED)
    assert y[: 1 << 16].get().tobytes() == expected[: 1 << 16].get().tobytes(), "the raw kernel has other slopes"
    return {
        "multirrelu, a new array": lambda: multirrelu.rrelu(x, training=True, rng=SEED),
        "RawKernel, the same device code": lambda: raw(x, y),
        "cupy.negative": lambda: cupy.negative(x, y),
    }


def _raw(dtype: str) -> Callable[[Any, Any], None]:
    word, name = FORMATS[dtype]
    source = PREAMBLE + RAW.replace("WORD", {"uint16": "unsigned short", "float32": "float", "float64": "double"}[word])
    kernel = cupy.RawKernel(source.replace("FORMAT", name), "raw", options=("-std=c++17", "-fmad=false"))
    low, span, unit = lattice(LOWER, UPPER)
    numbers = cupy.uint64(0), cupy.uint64(SEED), cupy.int32(low), cupy.uint32(span), cupy.float64(unit)

    def run(x: Any, y: Any) -> None:
        blocks = -(-x.size // (256 * max(4, 16 // x.itemsize)))
        kernel((blocks,), (256,), (x, x, y, cupy.int64(x.size), *numbers))

    return run
