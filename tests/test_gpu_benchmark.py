"""The benchmark for GPUs, without one: it says so, its bookkeeping is right, and what it puts PyTorch through runs on the host."""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import gpus


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    """Let the benchmark's modules be found."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])


@pytest.fixture
def gpu(benchmarks):
    """The benchmark's module."""
    import gpu

    return gpu


class Event:
    """An event whose time is that of its record, a second a step."""

    clock = itertools.count()

    def record(self):
        self.at = next(self.clock)

    def synchronize(self):
        pass


def test_without_a_gpu_nothing_is_measured_or_written(gpu, tmp_path, monkeypatch, capsys):
    if not (gpus.cupy() and gpus.torch()):
        pytest.skip("there is a GPU")
    monkeypatch.setattr(gpu, "RESULTS", tmp_path / "results")
    with pytest.raises(SystemExit):
        gpu.main([])
    said = re.search(
        r"no library finds a GPU \(cupy: it .*, torch: it .*\): nothing is measured, and nothing is written", capsys.readouterr().err
    )
    assert said
    assert not (tmp_path / "results").exists()


def test_functions_are_called_in_turn_and_the_first_rounds_do_not_count(benchmarks):
    from gpu_events import in_turn

    called = []
    work = {name: lambda name=name: called.append(name) for name in "ab"}
    seconds = in_turn(work, 2, Event, lambda start, end: 1e3 * (end.at - start.at))
    assert called == ["a", "b"] * 5
    assert seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


def test_the_hosts_part_is_a_mean_over_many_calls(benchmarks, monkeypatch):
    import gpu_events

    called, ticks = [], itertools.count()
    work = {name: lambda name=name: called.append(name) for name in "ab"}
    monkeypatch.setattr("time.perf_counter", lambda: 5.0 * next(ticks))
    assert gpu_events.on_host(work, 2) == {"a": [5.0 / gpu_events.CALLS] * 2, "b": [5.0 / gpu_events.CALLS] * 2}
    assert called == (["a"] * gpu_events.CALLS + ["b"] * gpu_events.CALLS) * 3


TIMES = {"multirrelu": [2.0, 4.0, 3.0], "copy": [2.4], "torch.nn.functional.rrelu": [30.0]}


class Library:
    """A library that takes as long as it is told."""

    def __init__(self):
        self.released = False

    def gpu(self):
        return "A GPU (80 GB)"

    def release(self):
        self.released = True

    def times(self, work, rounds):
        return work

    def workloads(self, dtype, elements):
        assert self.released
        if elements > 1 << 28:
            from gpu_workloads import Skipped

            raise Skipped("1.5 GiB of memory are free")
        return {"training": TIMES, "pullback": TIMES, "forward and backward": TIMES}

    def blocks(self):
        yield "a block", "bfloat16", 1000, {"multirrelu": [1.0], "torch.nn.RReLU": [0.5]}


def test_rows_files_and_the_table(gpu, tmp_path, monkeypatch, capsys):
    library = Library()

    def measurer(name):
        if name == "cupy":
            raise gpu.Skipped("it is not installed")
        return library

    monkeypatch.setattr(gpu, "measurer", measurer)
    monkeypatch.setattr(gpu, "RESULTS", tmp_path)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__="1"))
    gpu.main(["--dtype", "float32", "--elements", str(1 << 28), "--elements", str(1 << 30)])
    kept = json.loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text())
    training, pullback, both, block = kept["rows"]
    assert training["seconds"] == {"multirrelu": 3.0, "copy": 2.4, "torch.nn.functional.rrelu": 30.0}
    assert training["ratios"] == pytest.approx({"copy": 0.8, "torch.nn.functional.rrelu": 10.0})
    assert training["asked"] == {"copy": 0.9, "torch.nn.functional.rrelu": 1.4}
    assert pullback["ratios"]["copy"] == pytest.approx(1.2)
    assert pullback["asked"] == {}
    assert both["ratios"]["copy"] == pytest.approx(2.0)
    assert (block["library"], block["case"], block["ratios"]) == ("torch", "a block", {"torch.nn.RReLU": 0.5})
    assert kept["machine"] == {"gpu": "A GPU (80 GB)", "torch": "1", "multirrelu": kept["machine"]["multirrelu"]}
    assert kept["skipped"] == [
        {"library": "cupy", "reason": "it is not installed"},
        {"library": "torch", "dtype": "float32", "elements": 1 << 30, "reason": "1.5 GiB of memory are free"},
    ]
    printed = capsys.readouterr().out
    assert "gpu: A GPU (80 GB)" in printed
    assert "torch, training, float32, 268,435,456 elements\n" in printed
    assert re.search(r"  copy .* ours is    0\.80 times as fast, at least 0\.9 asked\n", printed)
    assert "skipped: cupy, because it is not installed" in printed
    assert "skipped: torch, float32, 1073741824, because 1.5 GiB of memory are free" in printed
    gpu.main(["--dtype", "float32", "--elements", str(1 << 28), "--no-blocks"])
    assert len(json.loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text())["rows"]) == 3


def test_of_a_small_call_the_host_is_measured(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "on_host", lambda work, rounds: work)
    work = {"multirrelu": [4.0], "ElementwiseKernel, a block an element": [3.0], "cupy.negative": [2.0]}
    row = gpu.row(None, gpu.LAUNCH, "float32", gpu.SMALL, work, 1)
    assert row["ratios"] == {"ElementwiseKernel, a block an element": 0.75, "cupy.negative": 0.5}
    assert row["asked"] == {"ElementwiseKernel, a block an element": 0.5}


@pytest.fixture
def torch_on_the_host(benchmarks, torch, monkeypatch):
    """What PyTorch is put through, on the host, where nothing is compiled."""
    pytest.importorskip("triton")
    import gpu_torch

    from multirrelu import Slopes, agnostic
    from multirrelu_backends import _triton

    def enqueue(values, gate, out, factor, key=0):
        slopes = factor if isinstance(factor, float) else Slopes(*gpu_torch.BOUNDS, key)
        out.copy_(agnostic.scale(values, gate, slopes))

    for name, value in {"DEVICE": "cpu", "ROWS": 8, "WIDTH": 16}.items():
        monkeypatch.setattr(gpu_torch, name, value)
    monkeypatch.setattr(torch, "compile", lambda module: module)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (12 * 1024 * 8, 1 << 40))
    monkeypatch.setattr(_triton, "enqueue", enqueue)
    return gpu_torch


def test_what_pytorch_is_put_through(torch_on_the_host, torch):
    works = torch_on_the_host.workloads("float32", 100)
    assert list(works) == ["training", "pullback", "forward and backward", "evaluation"]
    for case, work in works.items():
        assert list(work)[:2] == ["multirrelu", "copy"]
        done = {name: function() for name, function in work.items()}
        if case == "evaluation":
            assert torch.equal(done["multirrelu"], done["torch.nn.functional.leaky_relu"])
    (gradient,) = works["forward and backward"]["multirrelu"]()
    assert gradient.shape == (100,)
    (small,) = torch_on_the_host.workloads("float32", torch_on_the_host.SMALL).values()
    assert [function().shape for function in small.values()] == [(1024,)] * 3


def test_blocks_are_trained(torch_on_the_host, torch):
    found = list(torch_on_the_host.blocks())
    assert [(dtype, elements) for _, dtype, elements, _ in found] == [("float32", 128), ("bfloat16", 128), ("bfloat16", 512)]
    for case, dtype, _, work in found:
        assert list(work) == ["multirrelu", "torch.nn.RReLU", "torch.nn.LeakyReLU"], case
        for step in work.values():
            gradients = step()
            assert len(gradients) in (3, 5)
            assert all(gradient.dtype == getattr(torch, dtype) for gradient in gradients)


def test_too_little_memory_is_why_a_size_is_skipped(torch_on_the_host):
    from gpu_workloads import Skipped

    with pytest.raises(Skipped, match=r"^0\.0 GiB of memory are free, of 9\.0 that may be needed$"):
        torch_on_the_host.workloads("float64", 3 * 2**30 // 32)
