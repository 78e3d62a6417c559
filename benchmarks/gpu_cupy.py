"""The workloads and the clock of CuPy for `gpu`: those of the command, and kernels of the same slopes beside ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy
import result

import multirrelu
from multirrelu.bounds import lattice
from multirrelu.cli.bench.libraries import cupy as command
from multirrelu.cli.bench.timing import events
from multirrelu.cli.bench.workload import COPY, LOWER, OURS, SEED, UPPER
from multirrelu_backends._cuda import FORMATS, PREAMBLE

# A kernel of the same device code with its own launcher instead of CuPy's loop and indexing.
RAW = """
extern "C" __global__ void __launch_bounds__(256) raw(const WORD *values, const WORD *gate, WORD *out, long long length,
        unsigned long long index, unsigned long long key, int low, unsigned int span, double unit) {
    const multirrelu::Draw draw = {key, low, span, unit};
    const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    multirrelu::consecutive<multirrelu::FORMAT>(values, gate, out, length, thread, index, draw);
}
"""
# A kernel that computes a Philox block for each element and uses a quarter of it.
AN_ELEMENT_A_BLOCK = """
unsigned c0 = i >> 2, c1 = i >> 34, c2 = 0, c3 = 0, k0 = key, k1 = key >> 32;
for (int round = 0; round < 10; ++round) {
    unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0; c1 = p1; c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1; c3 = p0;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
}
unsigned word = (i & 3) < 2 ? ((i & 3) ? c1 : c0) : ((i & 3) == 2 ? c2 : c3);
WIDE slope = (low + (int)((unsigned long long)word * span >> 32)) * (WIDE)unit, wide = (WIDE)x;
y = wide <= 0 ? (T)(wide * slope) : x;
"""
OWN = "ElementwiseKernel, a block an element"
xp, CLOCK = cupy, events(cupy.cuda.Event, cupy.cuda.get_elapsed_time)


def gpu() -> str | None:
    """Return the name of the GPU, if there is one."""
    if not cupy.is_available():
        return None
    return str(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode())


def free() -> int:
    """Return the bytes of free memory."""
    return int(cupy.cuda.runtime.memGetInfo()[0])


def release() -> None:
    """Free the memory that CuPy caches for later arrays, so that another library can use it."""
    cupy.get_default_memory_pool().free_all_blocks()


def workloads(dtype: str, elements: int) -> dict[str, result.Work]:
    """Return the functions of each case."""
    ways = {one.work: one.ways for one in command.workloads(dtype, elements, given=True)}
    x, y = array(dtype, elements)
    raw, own = _raw(dtype), _an_element_a_block(dtype)
    expected = multirrelu.rrelu(x, training=True, rng=SEED)[: 1 << 16].get().tobytes()
    for kernel in (raw, own):
        kernel(x, y)
        assert y[: 1 << 16].get().tobytes() == expected, "the other kernels have other slopes"
    others = {
        "multirrelu, a new array": lambda: multirrelu.rrelu(x, training=True, rng=SEED),
        "RawKernel, the same device code": lambda: raw(x, y),
        OWN: lambda: own(x, y),
    }
    return {**ways, "training": {**ways["training"], **others}}


def small(dtype: str, elements: int) -> result.Work:
    """Return the functions of a small call."""
    (ways,) = (one.ways for one in command.workloads(dtype, elements, given=True) if one.work == "training")
    x, y = array(dtype, elements)
    own = _an_element_a_block(dtype)
    others = {OWN: lambda: own(x, y), "cupy.negative": lambda: cupy.negative(x, y)}
    return {OURS: ways.pop(OURS), **others, **{name: way for name, way in ways.items() if name != COPY}}


def array(dtype: str, elements: int) -> tuple[Any, Any]:
    """Return an array of negative and positive numbers, and one to write to."""
    x = (cupy.arange(elements, dtype="float32") % 7 - 3).astype(dtype)
    return x, cupy.empty_like(x)


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


def _an_element_a_block(dtype: str) -> Callable[[Any, Any], None]:
    wide, parameters = "double" if dtype == "float64" else "float", "T x, uint64 key, int32 low, uint32 span, float64 unit"
    kernel = cupy.ElementwiseKernel(parameters, "T y", AN_ELEMENT_A_BLOCK.replace("WIDE", wide), f"an_element_a_block_{wide}")
    points = lattice(LOWER, UPPER)
    return lambda x, y: kernel(x, SEED, *points, y)
