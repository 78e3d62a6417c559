"""The workloads and timings of CuPy for `gpu`."""

from __future__ import annotations

import sys

import cupy
from gpu_events import in_turn
from gpu_workloads import BOUNDS, COPY, LAUNCH, OURS, SMALL, Skipped, Work, need

import multirrelu
from multirrelu.bounds import lattice
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
SIGNS = cupy.ElementwiseKernel("", "T x", "x = (T)((int)(i * 2654435761u) * 4.656612873077393e-10f)", "numbers_of_both_signs")
OWN = "ElementwiseKernel, a block an element"


def gpu() -> str:
    """Return the name of the GPU."""
    if not cupy.is_available():
        raise Skipped("it finds no GPU")
    return str(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode())


def times(work: Work, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each function, on CuPy's current stream."""
    return in_turn(work, rounds, cupy.cuda.Event, cupy.cuda.get_elapsed_time)


def release() -> None:
    """Free the memory that CuPy caches for later arrays, so that another library can use it."""
    cupy.get_default_memory_pool().free_all_blocks()


def workloads(dtype: str, elements: int) -> dict[str, Work]:
    """Return the functions of each case."""
    if dtype == "bfloat16" and "ml_dtypes" not in sys.modules:  # CuPy imports it where it can use it
        raise Skipped("CuPy takes bfloat16 from ml_dtypes, which is not installed")
    need(cupy.cuda.runtime.memGetInfo()[0], dtype, elements)
    kind = sys.modules["ml_dtypes"].bfloat16 if dtype == "bfloat16" else dtype
    x = cupy.empty(elements, dtype=kind)
    SIGNS(x)
    y, g, out = cupy.empty_like(x), cupy.full_like(x, 1), cupy.empty_like(x)
    wide, raw, naive = "float64" if dtype == "float64" else "float32", _raw(dtype), _an_element_a_block(dtype)
    points = lattice(*BOUNDS)
    _, pull = multirrelu.rrelu_vjp(x, *BOUNDS, training=True, rng=1, out=y)
    want = y[: 1 << 16].get().tobytes()
    for other in (raw, lambda x, y: naive(x, 1, *points, y)):
        other(x, y)
        assert y[: 1 << 16].get().tobytes() == want, "the other kernels have other slopes"

    def composition() -> object:
        noise = cupy.random.uniform(*BOUNDS, x.shape, dtype=wide)
        return cupy.where(x >= 0, x, x * noise).astype(kind, copy=False)

    def both() -> object:
        _, pullback = multirrelu.rrelu_vjp(x, *BOUNDS, training=True, rng=1, out=y)
        return pullback(g, out=out)

    copy = {COPY: lambda: cupy.copyto(y, x)}
    ours = {OURS: lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1, out=y)}
    own = {OWN: lambda: naive(x, 1, *points, y)}
    natural = {"cupy.where(x >= 0, x, x * cupy.random.uniform(...))": composition}
    if elements == SMALL:
        return {LAUNCH: {**ours, **own, "cupy.negative": lambda: cupy.negative(x, y), **natural}}
    new = {"multirrelu, a new array": lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1)}
    return {
        "training": {**ours, **copy, **new, "RawKernel, the same device code": lambda: raw(x, y), **own, **natural},
        "pullback": {OURS: lambda: pull(g, out=out), **copy},
        "forward and backward": {OURS: both, **copy},
        "evaluation": {OURS: lambda: multirrelu.rrelu(x, *BOUNDS, out=y), **copy},
    }


def _raw(dtype: str) -> object:
    word, name = FORMATS[dtype]
    source = PREAMBLE + RAW.replace("WORD", {"uint16": "unsigned short", "float32": "float", "float64": "double"}[word])
    kernel = cupy.RawKernel(source.replace("FORMAT", name), "raw", options=("-std=c++17", "-fmad=false"))
    low, span, unit = lattice(*BOUNDS)
    number = cupy.uint64

    def run(x: object, y: object) -> None:
        blocks = -(-x.size // (256 * max(4, 16 // x.itemsize)))
        numbers = cupy.int64(x.size), number(0), number(1), cupy.int32(low), cupy.uint32(span), cupy.float64(unit)
        kernel((blocks,), (256,), (x, x, y, *numbers))

    return run


def _an_element_a_block(dtype: str) -> object:
    wide = "double" if dtype == "float64" else "float"
    parameters = "T x, uint64 key, int32 low, uint32 span, float64 unit"
    return cupy.ElementwiseKernel(parameters, "T y", AN_ELEMENT_A_BLOCK.replace("WIDE", wide), f"an_element_a_block_{wide}")
