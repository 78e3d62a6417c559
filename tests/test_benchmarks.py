"""The benchmark runs, on a few elements: how fast is not asked here."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("torch")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])


@pytest.fixture
def one_round(tmp_path, monkeypatch):
    """Run a benchmark as its command does, on a few elements, and return its result and what it prints."""
    import beside_torch
    import report
    import torch

    threads = torch.get_num_threads()
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")

    def run(benchmark, figures, capsys):
        monkeypatch.setattr(sys, "argv", ["a benchmark", "--elements", "4096", "--rounds", "1"])
        beside_torch.main(None, "some", 1 << 22, benchmark.rows, figures)
        assert (tmp_path / "results" / "some.png").stat().st_size > 10_000
        return json.loads((tmp_path / "results" / "some.json").read_text(encoding="utf-8")), capsys.readouterr().out

    yield run
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["run", "torch_cpu"])
def test_every_row_has_its_ratios_and_is_drawn(one_round, capsys, name, monkeypatch):
    import torch

    monkeypatch.setattr(torch, "compile", lambda model: model)  # which takes a minute
    benchmark = import_module(name)
    result, printed = one_round(benchmark, lambda: {"one element (us)": (10, 15), "another (us)": (9, None)}, capsys)
    assert [(row["case"], row["dtype"]) for row in result["rows"]] == [(case.__name__, dtype) for case, dtype, *_ in benchmark.ROWS]
    for row in result["rows"]:
        assert row["ratios"].keys() == row["seconds"].keys() - {"multirrelu"}
        assert row["asked"].keys() <= row["ratios"].keys()
    lines = printed.splitlines()
    assert "training, float32, 4,096 elements" in lines
    assert f"{'one element (us)':60s}      10.00, at most 15 asked" in lines
    assert f"{'another (us)':60s}       9.00" in lines


def test_figures_of_pytorch():
    import torch_cpu

    figures = torch_cpu.figures(elements=1 << 14, calls=2)
    assert {name for name, (_, asked) in figures.items() if asked} == {
        "one element, forward, multirrelu (us)",
        "one element, forward, requires grad, multirrelu (us)",
        "one element, evaluation, multirrelu (us)",
    }
    for mode, key in ("training", 8), ("evaluation", 0):
        assert figures[f"saved, {mode}, multirrelu (bytes an element)"][0] == 4 + key / (1 << 14)
        assert figures[f"saved beside the output, {mode}, multirrelu (bytes an element)"][0] == key / (1 << 14)
        # PyTorch keeps the input; and the slopes, which differ among its versions in evaluation.
        assert figures[f"saved beside the output, {mode}, nn.RReLU (bytes an element)"][0] >= 4
    assert figures["saved beside the output, training, nn.RReLU (bytes an element)"][0] == 8
    ours, theirs = (figures[f"saved in a step of the small network, {name} (MiB)"][0] for name in ("multirrelu", "nn.RReLU"))
    assert 2 * ours < theirs


def test_bytes_of_a_network_are_each_counted_once():
    import saved
    import torch

    x = torch.ones(10, requires_grad=True)

    def run():
        y = x * x  # keeps x twice
        return y[:5].exp() * y[5:].sin()  # keeps y, the exponentials and the sines

    _, storages = saved.saved(run)
    assert sum(storages.values()) == 4 * (10 + 10 + 5 + 5)
    assert saved.without(storages, [x]) == 4 * (10 + 5 + 5)
    # The activations of 16 images have 2**20 elements. Of ours the outputs are kept; of PyTorch's the inputs and the slopes too,
    # but not the last one's output, of 2**17 elements, for a mean follows, which needs no input.
    ours, theirs = (saved.of_network(convert, 1 << 20) for convert in (True, False))
    assert 0 < ours - (4 << 20) < 16_000
    assert 0 < theirs - (12 << 20) + (4 << 17) < 16_000


def test_scaling_of_dtensors():
    import dtensor_scaling

    name = dtensor_scaling.forward.__name__
    seconds = {f"{case.__name__}, tensor": [1.0] for case in dtensor_scaling.CASES}
    for case in dtensor_scaling.CASES:
        for scaling, one, two in ("weak", 2.0, 2.5), ("strong", 2.0, 1.0):
            seconds |= {f"{case.__name__}, {scaling}, 1": [one], f"{case.__name__}, {scaling}, 2": [two]}
    found = dtensor_scaling.figures(seconds)
    assert found[f"{name}, weak scaling over 2 processes"] == 0.8
    assert found[f"{name}, strong scaling over 2 processes"] == 2
    assert found[f"{name}, a DTensor in one process beside a tensor"] == 0.5
