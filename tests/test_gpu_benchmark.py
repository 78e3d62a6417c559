"""The benchmark for GPUs, without one: it says so, and its bookkeeping is right."""

from __future__ import annotations

import itertools
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
    assert "neither CuPy nor PyTorch finds a GPU: nothing is measured, and nothing is written" in capsys.readouterr().err
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
    work = {"training": times, "pullback": times}
    monkeypatch.setattr(gpu, "LIBRARIES", {"json": (lambda dtype, elements: work, lambda work, rounds: work)})
    monkeypatch.setattr(gpu, "gpu", lambda library: "A GPU (80 GB)")
    monkeypatch.setattr(gpu, "RESULTS", tmp_path)
    monkeypatch.setattr(sys.modules["json"], "__version__", "1", raising=False)
    gpu.main(["--dtype", "float32", "--elements", str(1 << 28)])
    training, pullback = sys.modules["json"].loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text())["rows"]
    assert training["seconds"] == {"multirrelu": 3.0, "copy": 2.4, "theirs": 30.0}
    assert training["ratios"] == pytest.approx({"copy": 0.8, "theirs": 10.0})
    assert training["asked"] == 0.85
    assert pullback["ratios"]["copy"] == pytest.approx(1.2)
    assert pullback["asked"] is None
    printed = capsys.readouterr().out
    assert "gpu: A GPU (80 GB)" in printed
    assert "json, training, float32, 268,435,456 elements, at least 0.85 of the copy asked" in printed
