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
    """The benchmark's module for CuPy, without cuRAND."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
    import gpu_cupy

    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", lambda number: {"name": b"a host"})
    for name in ("getDevice", "setDevice"):  # which `cupy.copyto` calls in Python, between arrays that are not contiguous
        monkeypatch.setattr(cupy.cuda.runtime, name, host_cuda.RUNTIME[name])
    monkeypatch.setattr(cupy.random, "RandomState", RandomState)
    return gpu_cupy


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_all_cases_run(benchmark, dtype):
    found = {case: (elements, work) for case, elements, work in benchmark.cases(dtype, 4096)}
    assert list(found) == ["training", "evaluation", "backward", "both passes", "training, transposed", "training, rows"]
    assert {case: elements for case, (elements, _) in found.items() if elements != 4096} == {"training, rows": 2048}
    for _, work in found.values():
        assert list(work)[:2] == ["multirrelu", "copy"]
        for function in work.values():
            function()
    assert list(found["training"][1])[3:] == ["multirrelu, a new array", "RawKernel, the same device code", "cupy.negative"]


def test_other_layouts_are_written_in_place(benchmark):
    for case, elements, work in benchmark.cases("float32", 4096):
        if case.startswith("training, "):
            y = work["multirrelu"]()
            assert (y.size, y.flags.c_contiguous) == (elements, False)
            assert y is work["copy"]()


def test_a_kernel_with_other_slopes_is_no_peer(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "RAW", benchmark.RAW.replace("thread, index, draw", "thread, index + 4, draw"))
    with pytest.raises(AssertionError, match="the raw kernel has other slopes"):
        list(benchmark.cases("float32", 4096))


def test_the_gpu_is_named(benchmark, monkeypatch):
    monkeypatch.setattr(cupy, "is_available", lambda: True)
    assert benchmark.gpu() == "a host"
    monkeypatch.setattr(cupy, "is_available", lambda: False)
    assert benchmark.gpu() is None
