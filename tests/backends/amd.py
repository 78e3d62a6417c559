"""Compile for AMD's GPUs without ROCm: by the Clang that comes in the package ``ziglang``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from host_build import Text, without_cuda

# What HIP's headers have, as far as CuPy's kernels ask for it.
BEFORE = """
#undef __HIPCC__
#define __device__ __attribute__((device))
#define __host__ __attribute__((host))
#define __global__ __attribute__((global))
#define __forceinline__ inline __attribute__((always_inline))
#define assert(condition)
#define NULL nullptr
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
struct Place { unsigned x; };
static __device__ inline Place place(unsigned x) { return Place{x}; }
#define blockIdx place(__builtin_amdgcn_workgroup_id_x())
#define threadIdx place(__builtin_amdgcn_workitem_id_x())
#define blockDim place(__builtin_amdgcn_workgroup_size_x())
#define gridDim place(__builtin_amdgcn_grid_size_x())
static __device__ inline float floor(float x) { return __builtin_floorf(x); }
static __device__ inline double floor(double x) { return __builtin_floor(x); }
static __device__ inline unsigned __popc(unsigned bits) { return __builtin_popcount(bits); }
static __device__ inline unsigned __popcll(unsigned long long bits) { return __builtin_popcountll(bits); }
static __device__ inline float __uint_as_float(unsigned bits) { return __builtin_bit_cast(float, bits); }
static __device__ inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
extern "C" __device__ void *memset(void *, int, size_t);
extern "C" __device__ void *memcpy(void *, const void *, size_t);
"""
FLAGS = ["-x", "hip", "--cuda-device-only", "-nogpulib", "-nogpuinc", "-std=c++17", "-O3", "-ffp-contract=off", "-Wall", "-Wno-unused"]


def assembly(text: Text, architecture: str, include: Path, place: Path) -> str:
    """Return what Clang makes of a text for an architecture such as gfx90a; what goes wrong is in the AssertionError."""
    source, made = place / "kernel.hip", place / "kernel.s"
    source.write_text(BEFORE + without_cuda(re.sub(r"#include <cupy/math_constants\.h>\n", "", text.source)))
    command = [sys.executable, "-m", "ziglang", "clang", *FLAGS, f"--offload-arch={architecture}", "-isystem", str(include)]
    done = subprocess.run([*command, "-S", str(source), "-o", str(made)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[:3000]
    return made.read_text()
