"""What the benchmark for GPUs puts CuPy through, without one: the host runs all of it, and the other kernels have the same slopes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")

import host_cuda
from host_cuda import nothing_undefined  # noqa: F401

cupy = host_cuda.install()

pytestmark = pytest.mark.usefixtures("nothing_undefined")


class RandomState:
    """A generator without cuRAND."""

    def __init__(self, seed):
        pass

    def uniform(self, low, high, size, dtype):
        return cupy.full(size, low, dtype=dtype)

    def standard_normal(self, size, dtype):
        return (cupy.arange(size) % 7 - 3).astype(dtype)


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark's module for CuPy, on a device of 1 GiB, without cuRAND."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
    import gpu_cupy

    monkeypatch.setattr(cupy.cuda.runtime, "memGetInfo", lambda: (1 << 30, 1 << 30))
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", lambda number: {"name": b"a host"})
    monkeypatch.setattr(cupy.random, "RandomState", RandomState)
    return gpu_cupy


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_all_cases_run(benchmark, dtype):
    works = benchmark.workloads(dtype, 1003)
    assert list(works) == ["training", "evaluation", "backward", "both passes"]
    for work in works.values():
        assert list(work)[:2] == ["multirrelu", "copy"]
        for function in work.values():
            function()
    small = benchmark.small(dtype, 1024)
    assert list(small)[:3] == ["multirrelu", "ElementwiseKernel, a block an element", "cupy.negative"]
    for function in small.values():
        function()


def test_a_kernel_with_other_slopes_is_no_peer(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "AN_ELEMENT_A_BLOCK", benchmark.AN_ELEMENT_A_BLOCK.replace("c0 = i >> 2", "c0 = i >> 1"))
    with pytest.raises(AssertionError, match="the other kernels have other slopes"):
        benchmark.workloads("float32", 1003)


def test_too_little_memory_is_why_a_size_is_skipped(benchmark):
    import gpu

    with pytest.raises(gpu.Skipped, match=r"^1\.0 GiB of memory are free, of 10\.5 that may be needed$"):
        gpu.workloads(benchmark, "float64", 3 * 2**30 // 32)


def test_without_a_gpu_it_says_so(benchmark, monkeypatch):
    import gpu

    monkeypatch.setattr(cupy, "is_available", lambda: True)
    assert gpu.measurer("cupy") is benchmark
    assert benchmark.gpu() == "a host"
    monkeypatch.setattr(cupy, "is_available", lambda: False)
    with pytest.raises(gpu.Skipped, match=r"^it finds no GPU$"):
        gpu.measurer("cupy")
