"""The CUDA kernels on the CPU: the very source, built by the host's C++ compiler and called as a driver calls kernels, thread by thread."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multirrelu import Slopes
from multirrelu_backends._cuda import KINDS, OPTIONS, SOURCE, THREADS, Launch, launches

# What the compiler for devices knows by itself. A float16 of the host is rounded as a device's is.
BEFORE = """
#include <cstring>
#include <utility>
#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(threads)
struct alignas(16) uint4 { unsigned int x, y, z, w; };
struct { unsigned int x; } static thread_local blockIdx, blockDim, threadIdx;
static inline float __uint_as_float(unsigned int bits) { float x; std::memcpy(&x, &bits, 4); return x; }
static inline unsigned int __float_as_uint(float x) { unsigned int bits; std::memcpy(&bits, &x, 4); return bits; }
static inline float host_widen(unsigned short bits) { _Float16 x; std::memcpy(&x, &bits, 2); return (float)x; }
static inline unsigned short host_narrow(float y) { _Float16 x = (_Float16)y; unsigned short bits; std::memcpy(&bits, &x, 2); return bits; }
"""
# Every thread of a launch in turn, the arguments by address, as cuLaunchKernel takes them.
AFTER = """
template <class... A, std::size_t... I>
static void call(void (*kernel)(A...), unsigned first, unsigned blocks, unsigned threads, void **arguments, std::index_sequence<I...>) {
    blockDim.x = threads;
    for (blockIdx.x = first; blockIdx.x < blocks; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel(*(A *)arguments[I]...);
}
template <class... A> static void launch(void (*kernel)(A...), unsigned first, unsigned blocks, unsigned threads, void **arguments) {
    call(kernel, first, blocks, threads, arguments, std::index_sequence_for<A...>());
}
template <class... A> static unsigned list(void (*)(A...), unsigned *sizes) {
    const unsigned all[] = {sizeof(A)...};
    std::memcpy(sizes, all, sizeof all);
    return sizeof...(A);
}
#define HOST(NAME)                                                                                                       \\
    extern "C" void launch_##NAME(unsigned f, unsigned b, unsigned t, void **a) { launch(NAME, f, b, t, a); }             \\
    extern "C" unsigned sizes_##NAME(unsigned *sizes) { return list(NAME, sizes); }
"""
FLAGS = ["-O2", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-ffp-contract=off", "-fno-strict-aliasing", "-shared", "-fPIC"]
CHECKS = ["-fsanitize=undefined", "-static-libubsan"]  # misaligned moves and signed overflows; what they find goes to stderr


def build(source: str, place: str) -> subprocess.CompletedProcess[str]:
    """Compile a source to kernels.so in a folder."""
    file = Path(place, "kernels.cpp")
    file.write_text(source)
    standard = [option for option in OPTIONS if option.startswith("-std")]  # the other option is -ffp-contract=off here
    command = ["g++", *standard, *FLAGS, *CHECKS, str(file), "-o", str(file.with_suffix(".so"))]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@cache
def library() -> Any:
    """Return the kernels, built; skip where there is no compiler that could, and fail where it warns."""
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    with tempfile.TemporaryDirectory() as place:
        probe = build(BEFORE + "float twice(float x) { return 2 * host_widen(host_narrow(x)); }", place)
        if probe.returncode:
            pytest.skip(f"g++ lacks _Float16 or a sanitizer: {probe.stderr.strip()[:200]}")
        names = [f"{form}_{kind}" for form in ("consecutive", "anywhere") for kind in KINDS]
        done = build(BEFORE + SOURCE + AFTER + "".join(f"HOST({name})\n" for name in names), place)
        assert (done.returncode, done.stderr) == (0, "")
        return ctypes.CDLL(str(Path(place, "kernels.so")))


def parameters(kernel: str) -> list[int]:
    """Return the bytes of each of a kernel's parameters."""
    sizes = (ctypes.c_uint * 64)()
    return sizes[: getattr(library(), f"sizes_{kernel}")(sizes)]


def run(launch: Launch, first: int = 0) -> None:
    """Run a launch from one of its blocks to the end, after a look at its arguments."""
    assert [argument.dtype.itemsize for argument in launch.arguments] == parameters(launch.kernel)
    assert 0 < launch.blocks < 2**31
    held = [np.asarray(argument) for argument in launch.arguments]
    pointers = (ctypes.c_void_p * len(held))(*(argument.ctypes.data for argument in held))
    getattr(library(), f"launch_{launch.kernel}")(first, launch.blocks, THREADS, pointers)


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply NumPy arrays as CuPy's backend multiplies its own; the key may be an array, in whose memory the kernel reads it."""
    result = np.empty_like(values, subok=False) if out is None else out
    key = getattr(slopes, "key", 0)
    arrays = tuple(map(np.asarray, (values, gate, result)))
    held = None if isinstance(key, int) else np.array(key).view(np.uint64)
    addresses = tuple(array.ctypes.data for array in arrays)
    strides = tuple(array.strides for array in arrays)
    for launch in launches(result.dtype.name, addresses, result.shape, strides, slopes, 0 if held is None else held.ctypes.data):
        run(launch)
    return result
