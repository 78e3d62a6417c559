"""The benchmark for GPUs, without one: it says so, and its bookkeeping is right."""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path

import pytest

import gpus


@pytest.fixture
def gpu(monkeypatch):
    """The benchmark's module."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
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


def test_functions_are_called_in_turn_and_the_first_rounds_do_not_count(gpu):
    called = []
    work = {name: lambda name=name: called.append(name) for name in "ab"}
    seconds = gpu.in_turn(work, 2, Event, lambda start, end: 1e3 * (end.at - start.at))
    assert called == ["a", "b"] * 5
    assert seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


def test_rows_files_and_the_table(gpu, tmp_path, monkeypatch, capsys):
    """With a library that takes as long as it is told."""
    times = {"multirrelu": [2.0, 4.0, 3.0], "copy": [2.4], "theirs": [30.0]}
    released = []

    def work(dtype, elements):
        assert released
        if elements > 1 << 28:
            raise gpu.Skipped("1.5 GiB of memory are free")
        return {"training": times, "pullback": times, "forward and backward": times}

    def name(library):
        if library == "abc":
            raise gpu.Skipped("it finds no GPU")
        return "A GPU (80 GB)"

    monkeypatch.setattr(gpu, "LIBRARIES", dict.fromkeys(("abc", "json"), (work, lambda work, rounds: work, lambda: released.append(1))))
    monkeypatch.setattr(gpu, "gpu", name)
    monkeypatch.setattr(gpu, "RESULTS", tmp_path)
    monkeypatch.setattr(json, "__version__", "1", raising=False)
    gpu.main(["--dtype", "float32", "--elements", str(1 << 28), "--elements", str(1 << 30)])
    kept = json.loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text(encoding="utf-8"))
    training, pullback, both = kept["rows"]
    assert training["seconds"] == {"multirrelu": 3.0, "copy": 2.4, "theirs": 30.0}
    assert training["ratios"] == pytest.approx({"copy": 0.8, "theirs": 10.0})
    assert training["asked"] == 0.85
    assert pullback["ratios"]["copy"] == pytest.approx(1.2)
    assert pullback["asked"] is None
    assert both["ratios"]["copy"] == pytest.approx(2.0)
    assert kept["machine"]["gpu"] == "A GPU (80 GB)"
    assert kept["skipped"] == [
        {"library": "abc", "reason": "it finds no GPU"},
        {"library": "json", "dtype": "float32", "elements": 1 << 30, "reason": "1.5 GiB of memory are free"},
    ]
    printed = capsys.readouterr().out
    assert "gpu: A GPU (80 GB)" in printed
    assert "json, training, float32, 268,435,456 elements, at least 0.85 of the copy asked" in printed
    assert "skipped: abc, for it finds no GPU" in printed
    assert "skipped: json, float32, 1073741824, for 1.5 GiB of memory are free" in printed


@pytest.fixture
def torch_on_the_host(gpu, torch, monkeypatch):
    """PyTorch, with the host in the place of a GPU."""
    from multirrelu import Slopes, agnostic
    from multirrelu_backends import _triton

    def scale(values, gate, out, factor, key=0):
        slopes = factor if isinstance(factor, float) else Slopes(*gpu_workloads.BOUNDS, key)
        out.copy_(agnostic.scale(values, gate, slopes))

    import gpu_workloads

    randn = torch.randn
    monkeypatch.setattr(torch, "randn", lambda size, device: randn(size))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (12 * 100 * 8, 1 << 40))
    monkeypatch.setattr(_triton, "scale", scale)
    return gpu_workloads


def test_what_pytorch_is_put_through(torch_on_the_host, torch):
    pytest.importorskip("triton")
    works = torch_on_the_host.torch_work("float32", 100)
    assert list(works) == ["training", "pullback", "forward and backward", "evaluation"]
    for case, work in works.items():
        assert list(work)[:2] == ["multirrelu", "copy"]
        done = {name: function() for name, function in work.items()}
        if case == "evaluation":
            assert torch.equal(done["multirrelu"], done["torch.nn.functional.leaky_relu"])
    (gradient,) = works["forward and backward"]["multirrelu"]()
    assert gradient.shape == (100,)


def test_too_little_memory_is_why_a_size_is_skipped(torch_on_the_host):
    pytest.importorskip("triton")
    with pytest.raises(torch_on_the_host.Skipped, match=r"^0\.0 GiB of memory are free, of 9\.0 that may be needed$"):
        torch_on_the_host.torch_work("float64", 3 * 2**30 // 32)
