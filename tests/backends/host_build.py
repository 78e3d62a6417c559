"""What CuPy composes for NVRTC, built by the host's C++ compiler with its sanitizer of undefined behaviour."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

# What the compiler for devices knows by itself.
BEFORE = """
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(threads)
struct Place { unsigned int x; };
[[maybe_unused]] static thread_local Place blockIdx, blockDim, threadIdx, gridDim;
static inline float __uint_as_float(unsigned int bits) { float x; std::memcpy(&x, &bits, 4); return x; }
static inline unsigned int __float_as_uint(float x) { unsigned int bits; std::memcpy(&bits, &x, 4); return bits; }
static inline unsigned int __popc(unsigned int bits) { return __builtin_popcount(bits); }
static inline unsigned int __popcll(unsigned long long bits) { return __builtin_popcountll(bits); }
"""
# CuPy's half precisions, as far as CuPy's own kernels for copies and the benchmark's ask for them.
HALVES = {
    "float16": """class float16 {
    _Float16 x;
public:
    float16() = default;
    float16(float y) : x(y) {}
    operator float() const { return x; }
};""",
    "bfloat16": """class bfloat16 {
    unsigned short bits;
public:
    bfloat16() = default;
    bfloat16(float x) {
        const unsigned u = __float_as_uint(x);
        bits = x == x ? (u + 0x7FFF + (u >> 16 & 1)) >> 16 : 0x7FC0;
    }
    operator float() const { return __uint_as_float((unsigned)bits << 16); }
};""",
}
# Every thread of a launch in turn, the arguments by address, as cuLaunchKernel takes them.
AFTER = """
template <class... A, std::size_t... I>
static void call(void (*kernel)(A...), unsigned first, unsigned blocks, unsigned threads, void **arguments, std::index_sequence<I...>) {
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = first; blockIdx.x < blocks; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel(*(A *)arguments[I]...);
}
template <class... A> static void launch(void (*kernel)(A...), unsigned first, unsigned blocks, unsigned threads, void **arguments) {
    call(kernel, first, blocks, threads, arguments, std::index_sequence_for<A...>());
}
"""
FLAGS = ["-O1", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-ffp-contract=off", "-fno-strict-aliasing", "-shared", "-fPIC"]
CHECKS = ["-fsanitize=undefined", "-static-libubsan"]  # misaligned moves and signed overflows; what they find goes to stderr


class Text(NamedTuple):
    """The name of a kernel, the source that it is in, and the options that NVRTC is given."""

    kernel: str
    source: str
    options: tuple[str, ...]


@cache
def missing() -> str:
    """Return why nothing can be built, or an empty text."""
    if shutil.which("g++") is None:
        return "there is no g++"
    with tempfile.TemporaryDirectory() as place:
        done = compiled(BEFORE + "float twice(_Float16 x) { return 2 * x; }", Path(place))
    return f"g++ lacks _Float16 or a sanitizer: {done.stderr.strip()[:200]}" if done.returncode else ""


@cache
def built(text: Text, include: Path) -> Any:
    """Return a function of the host that runs a kernel, given the first block, all blocks, the threads of each, and the arguments."""
    last = f'extern "C" void run(unsigned f, unsigned b, unsigned t, void **a) {{ launch({text.kernel}, f, b, t, a); }}\n'
    with tempfile.TemporaryDirectory() as place:
        done = compiled(BEFORE + without_cuda(text.source) + AFTER + last, Path(place), "-isystem", str(include))
        warned = done.stderr if "multirrelu" in text.kernel else ""
        assert (done.returncode, warned) == (0, ""), done.stderr[:3000]
        return ctypes.CDLL(str(Path(place, "kernel.so"))).run


def without_cuda(source: str) -> str:
    """Return a source without those of CuPy's headers that need CUDA's."""
    source = re.sub(r"#include <cupy/(complex|atomics)\.cuh>\n", "", source)
    return re.sub(r'#include "cupy/(b?float16)\.cuh"', lambda found: HALVES[found[1]], source)


def compiled(source: str, place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Compile a source to kernel.so in a folder."""
    file = place / "kernel.cpp"
    file.write_text(source, encoding="utf-8")
    command = ["g++", "-std=c++17", *FLAGS, *CHECKS, *options, str(file), "-o", str(file.with_suffix(".so"))]
    return subprocess.run(command, capture_output=True, text=True, check=False)
