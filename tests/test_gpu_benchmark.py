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
    assert "no GPU is found by cupy or torch: nothing is measured, and nothing is written" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


TIMES = {"multirrelu": [2.0, 4.0, 3.0], "copy": [2.4] * 3, "torch.nn.functional.rrelu": [30.0] * 3}


class Library:
    """A library that takes as long as it is told."""

    CLOCK, OUT_OF_MEMORY, xp = "its clock", MemoryError, SimpleNamespace(__version__="1")

    def __init__(self, name):
        self.name, self.released = name, False

    def gpu(self):
        return self.name

    def release(self):
        self.released = True

    def cases(self, dtype, elements):
        assert self.released
        if elements == 1 << 10:
            yield "training", elements, {"multirrelu": [4.0], "cupy.negative": [3.0]}
            return
        for case in ("training", "backward", "both passes"):
            yield case, elements, TIMES
        if elements == 1 << 30:
            raise MemoryError("too little\nof it")
        yield "training, rows", elements // 2, TIMES


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


@pytest.fixture
def kept(gpu, told, tmp_path, monkeypatch):
    """Run the command with PyTorch alone, and return its result."""
    modules = {"torch": Library("A GPU (80 GB)"), "cupy": Library(None)}
    monkeypatch.setattr(gpu, "find_spec", lambda name: True)
    monkeypatch.setattr(gpu, "import_module", lambda name: modules[name.removeprefix("gpu_")])
    monkeypatch.setattr(gpu.result, "RESULTS", tmp_path)

    def run(*arguments):
        gpu.main(list(arguments))
        return json.loads((tmp_path / "gpu-a-gpu-80-gb.json").read_text())

    return run


def test_rows_files_and_the_table(kept, told, capsys):
    found = kept("--dtype", "float32", "--elements", str(1 << 28), "--elements", str(1 << 30))
    training, backward, both, rows, *larger = found["rows"]
    assert told == [(20, {"uncounted": 3, "clock": "its clock"})] * 7
    assert (training["library"], training["elements"]) == ("torch", 1 << 28)
    assert training["seconds"] == {"multirrelu": 3.0, "copy": 2.4, "torch.nn.functional.rrelu": 30.0}
    assert training["ratios"] == pytest.approx({"copy": 0.8, "torch.nn.functional.rrelu": 10.0})
    assert training["asked"] == {"copy": 0.9, "torch.nn.functional.rrelu": 1.4}
    assert backward["ratios"]["copy"] == pytest.approx(1.2)
    assert backward["asked"] == {}
    assert both["ratios"]["copy"] == pytest.approx(2.0)
    assert (rows["case"], rows["elements"], rows["asked"]) == ("training, rows", 1 << 27, {})
    assert [row["case"] for row in larger] == ["training", "backward", "both passes"]
    assert (found["machine"]["gpu"], found["machine"]["torch"]) == ("A GPU (80 GB)", "1")
    assert {"multirrelu", "python", "processor"} <= found["machine"].keys()
    about = {"library": "torch", "dtype": "float32", "elements": 1 << 30}
    assert found["skipped"] == [{**about, "reason": "MemoryError: too little of it"}]
    printed = capsys.readouterr().out
    assert "gpu: A GPU (80 GB)" in printed
    assert "torch, training, float32, 268,435,456 elements\n" in printed
    assert re.search(r"  copy .* ours is    0\.80 times as fast, at least 0\.9 asked\n", printed)
    assert "skipped: torch, float32, 1073741824, MemoryError: too little of it" in printed


def test_of_a_small_call_the_host_is_measured(gpu, kept, told, monkeypatch):
    monkeypatch.setattr(gpu, "SMALL", 1 << 10)
    monkeypatch.setattr(gpu, "AIMS", {(f"training{gpu.CALLED}", "float32", 1 << 10): {"cupy.negative": 0.5}})
    (row,) = kept("--library", "torch", "--dtype", "float32", "--elements", "1024", "--rounds", "1")["rows"]
    assert told == [(1, {"calls": 100})]
    assert (row["case"], row["ratios"]) == ("training: a small call on the host", {"cupy.negative": 0.75})
    assert row["asked"] == {"cupy.negative": 0.5}


def test_a_dtype_that_a_library_lacks_is_skipped(kept):
    found = kept("--dtype", "bfloat16", "--elements", "4096")
    about = {"library": "torch", "dtype": "bfloat16", "elements": 4096}
    assert (found["rows"], found["skipped"]) == ([], [{**about, "reason": "the library lacks the dtype"}])


@pytest.fixture
def torch_on_the_host(benchmarks, torch, monkeypatch):
    """What PyTorch is put through, on the host, where nothing is compiled."""
    import gpu_torch

    monkeypatch.setattr(gpu_torch, "DEVICE", "cpu")
    monkeypatch.setattr(torch, "compile", lambda module: module)
    return gpu_torch


def test_what_pytorch_is_put_through(torch_on_the_host, torch):
    native, layouts = "torch.nn.functional.rrelu", {}
    for case, elements, work in torch_on_the_host.cases("float32", 4096):
        layouts[case] = elements
        peer = "torch.nn.functional.leaky_relu" if case == "evaluation" else native
        assert list(work) == ["multirrelu", "copy", peer]
        results = [function() for function in work.values()]
        results = [result[0] if isinstance(result, tuple) else result for result in results]
        assert [result.numel() for result in results] == [elements] * 3
        assert case != "evaluation" or torch.equal(results[0], results[2])
    works = ["training", "evaluation", "backward", "both passes"]
    assert layouts == {**dict.fromkeys(works, 4096), "training, transposed": 4096, "training, rows": 2048}


def test_other_layouts_are_not_contiguous(torch_on_the_host):
    (transposed,), (rows,) = (
        [work["copy"]() for case, _, work in torch_on_the_host.cases("float32", 1 << 13) if case.endswith(name)]
        for name in ("transposed", "rows")
    )
    assert (transposed.shape, transposed.stride()) == ((64, 128), (1, 64))
    assert rows.shape == (4, 1024)


def test_a_block_is_trained(torch_on_the_host, torch, monkeypatch):
    monkeypatch.setattr(torch_on_the_host, "BLOCK", 1 << 15)
    *_, (case, elements, work) = torch_on_the_host.cases("bfloat16", 1 << 15)
    assert (case, elements) == ("compiled block, both passes", 1 << 15)
    assert list(work) == ["multirrelu", "nn.RReLU", "nn.LeakyReLU"]
    for step in work.values():
        gradients = step()
        assert len(gradients) == 3
        assert all(gradient.dtype == torch.bfloat16 for gradient in gradients)
