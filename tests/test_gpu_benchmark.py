"""The benchmark for GPUs, without one: it says so, its bookkeeping is right, and what it puts PyTorch through runs on the host."""

from __future__ import annotations

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


def test_without_a_gpu_nothing_is_measured_or_written(gpu, tmp_path, monkeypatch, capsys):
    if not (gpus.cupy() and gpus.torch()):
        pytest.skip("there is a GPU")
    monkeypatch.setattr(gpu.result, "RESULTS", tmp_path / "results")
    with pytest.raises(SystemExit):
        gpu.main([])
    said = re.search(
        r"no library finds a GPU \(cupy: it .*, torch: it .*\): nothing is measured, and nothing is written", capsys.readouterr().err
    )
    assert said
    assert not (tmp_path / "results").exists()


TIMES = {"multirrelu": [2.0, 4.0, 3.0], "copy": [2.4] * 3, "torch.nn.functional.rrelu": [30.0] * 3}


class Library:
    """A library that takes as long as it is told."""

    CLOCK, xp = "its clock", None

    def __init__(self):
        self.released = False

    def gpu(self):
        return "A GPU (80 GB)"

    def free(self):
        return 50 << 30

    def release(self):
        self.released = True

    def workloads(self, dtype, elements):
        assert self.released
        return {"training": TIMES, "backward": TIMES, "both passes": TIMES}

    def small(self, dtype, elements):
        return {"multirrelu": [4.0], "ElementwiseKernel, a block an element": [3.0], "cupy.negative": [2.0]}

    def blocks(self):
        yield "a block", "bfloat16", 1000, {"multirrelu": [1.0], "torch.nn.RReLU": [0.5]}


@pytest.fixture
def told(gpu, monkeypatch):
    """What is measured, where times are told instead: the arguments of each measurement."""
    measured = []

    def in_turn(work, rounds, **how):
        measured.append((rounds, how))
        return work

    monkeypatch.setattr(gpu.result, "usable", lambda work: (work, {}))
    monkeypatch.setattr(gpu.result, "in_turn", in_turn)
    monkeypatch.setattr(gpu.answers, "has", lambda xp, dtype: dtype != "bfloat16")
    return measured


def test_rows_files_and_the_table(gpu, told, tmp_path, monkeypatch, capsys):
    library = Library()

    def measurer(name):
        if name == "cupy":
            raise gpu.Skipped("it is not installed")
        return library

    monkeypatch.setattr(gpu, "measurer", measurer)
    monkeypatch.setattr(gpu.result, "RESULTS", tmp_path)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__="1"))
    gpu.main(["--dtype", "float32", "--elements", str(1 << 28), "--elements", str(1 << 30)])
    kept = json.loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text())
    training, backward, both, block = kept["rows"]
    assert told == [(20, {"uncounted": 3, "clock": "its clock"})] * 4
    assert training["seconds"] == {"multirrelu": 3.0, "copy": 2.4, "torch.nn.functional.rrelu": 30.0}
    assert training["ratios"] == pytest.approx({"copy": 0.8, "torch.nn.functional.rrelu": 10.0})
    assert training["asked"] == {"copy": 0.9, "torch.nn.functional.rrelu": 1.4}
    assert backward["ratios"]["copy"] == pytest.approx(1.2)
    assert backward["asked"] == {}
    assert both["ratios"]["copy"] == pytest.approx(2.0)
    assert (block["library"], block["case"], block["ratios"]) == ("torch", "a block", {"torch.nn.RReLU": 0.5})
    assert (kept["machine"]["gpu"], kept["machine"]["torch"]) == ("A GPU (80 GB)", "1")
    assert {"multirrelu", "python", "processor"} <= kept["machine"].keys()
    assert kept["skipped"] == [
        {"library": "cupy", "reason": "it is not installed"},
        {"library": "torch", "dtype": "float32", "elements": 1 << 30, "reason": "50.0 GiB of memory are free, of 56.0 that may be needed"},
    ]
    printed = capsys.readouterr().out
    assert "gpu: A GPU (80 GB)" in printed
    assert "torch, training, float32, 268,435,456 elements\n" in printed
    assert re.search(r"  copy .* ours is    0\.80 times as fast, at least 0\.9 asked\n", printed)
    assert "skipped: cupy, because it is not installed" in printed
    assert "skipped: torch, float32, 1073741824, because 50.0 GiB of memory are free, of 56.0 that may be needed" in printed
    gpu.main(["--dtype", "float32", "--elements", str(1 << 28), "--no-blocks"])
    assert len(json.loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text())["rows"]) == 3


def test_of_a_small_call_the_host_is_measured(gpu, told):
    (work,) = gpu.workloads(Library(), "float32", gpu.SMALL).items()
    row = gpu.row(Library(), work[0], "float32", gpu.SMALL, work[1], 1)
    assert told == [(1, {"calls": 100})]
    assert row["ratios"] == {"ElementwiseKernel, a block an element": 0.75, "cupy.negative": 0.5}
    assert row["asked"] == {"ElementwiseKernel, a block an element": 0.5}


def test_what_a_library_lacks_is_skipped(gpu, told):
    with pytest.raises(gpu.Skipped, match=r"^it has no bfloat16 here$"):
        gpu.workloads(Library(), "bfloat16", 1)
    with pytest.raises(gpu.Skipped, match=r"^50\.0 GiB of memory are free, of 112\.0 that may be needed$"):
        gpu.workloads(Library(), "float64", 1 << 30)


@pytest.fixture
def torch_on_the_host(benchmarks, torch, monkeypatch):
    """What PyTorch is put through, on the host, where nothing is compiled."""
    pytest.importorskip("triton")
    import gpu_torch

    from multirrelu import Slopes, agnostic
    from multirrelu_backends import _triton

    def enqueue(values, gate, out, factor, key=0):
        slopes = factor if isinstance(factor, float) else Slopes(1 / 8, 1 / 3, key)
        out.copy_(agnostic.scale(values, gate, slopes))

    for name, value in {"DEVICE": "cpu", "ROWS": 8, "WIDTH": 16}.items():
        monkeypatch.setattr(gpu_torch, name, value)
    monkeypatch.setattr(torch, "compile", lambda module: module)
    monkeypatch.setattr(_triton, "enqueue", enqueue)
    return gpu_torch


def test_what_pytorch_is_put_through(torch_on_the_host, torch):
    works = torch_on_the_host.workloads("float32", 100)
    assert list(works) == ["training", "evaluation", "backward", "both passes"]
    for case, work in works.items():
        assert list(work)[:2] == ["multirrelu", "copy"]
        assert len(work) >= 3
        done = {name: function() for name, function in work.items()}
        if case == "evaluation":
            assert torch.equal(done["multirrelu"], done["torch.nn.functional.leaky_relu"])
    (gradient,) = works["both passes"]["multirrelu"]()
    assert gradient.shape == (100,)
    small = torch_on_the_host.small("float32", 1024)
    assert list(small) == ["multirrelu", "torch.nn.functional.rrelu", "torch.nn.functional.leaky_relu"]
    assert all(function().requires_grad is False for function in small.values())
    assert all((function() < 0).any() and function().shape == (1024,) for function in small.values())


def test_blocks_are_trained(torch_on_the_host, torch):
    found = list(torch_on_the_host.blocks())
    assert [(dtype, elements) for _, dtype, elements, _ in found] == [("float32", 128), ("bfloat16", 128), ("bfloat16", 512)]
    for case, dtype, _, work in found:
        assert list(work) == ["multirrelu", "nn.RReLU", "nn.LeakyReLU"], case
        for step in work.values():
            gradients = step()
            assert len(gradients) in (3, 5)
            assert all(gradient.dtype == getattr(torch, dtype) for gradient in gradients)
