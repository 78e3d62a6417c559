"""The benchmark runs, on a few elements: how fast is not asked here."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from multirrelu.cli.bench.workload import OURS, STREAM, WORDS

pytest.importorskip("numba")
pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])


@pytest.fixture
def one_round(tmp_path, monkeypatch):
    """Run a benchmark as its command does, on a few elements, and return its result."""
    import result

    monkeypatch.setattr(result, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(sys, "argv", ["a benchmark", "--elements", "4096", "--rounds", "1"])

    def run(benchmark, figures):
        rows = result.rows_of(benchmark.CASES)
        result.main("some", 1 << 22, rows, figures, ("numpy",), threads=2)
        return json.loads((tmp_path / "results" / "some.json").read_text(encoding="utf-8"))

    return run


def cases(benchmark):
    """Return the case and the dtype of each row that a benchmark promises."""
    return [(case, dtype) for case, _, dtypes, *_ in benchmark.CASES for dtype in dtypes]


@pytest.mark.parametrize(("name", "asked"), [("numpy_cpu", 5), ("torch_cpu", 6)])
def test_every_row_has_its_ratios(one_round, capsys, name, asked, monkeypatch):
    import torch

    monkeypatch.setattr(torch, "compile", lambda model: model)  # which takes a minute
    benchmark = import_module(name)
    result = one_round(benchmark, lambda: {"one element (us)": (10, 15), "another (us)": (9, None)})
    assert [(row["case"], row["dtype"]) for row in result["rows"]] == cases(benchmark)
    for row in result["rows"]:
        assert row["ratios"].keys() == row["seconds"].keys() - {OURS, STREAM, WORDS}
        assert ("of_limit" in row) == (STREAM in row["seconds"])
        assert row["asked"].keys() <= row["ratios"].keys()
        assert row["failed"].keys() <= ({"F.rrelu", "torch.nn.functional.rrelu_"} if row["dtype"] == "float16" else set())
    assert sum(len(row["asked"]) for row in result["rows"]) == asked
    assert {"processor", "vectors", "numpy", "threads", "multirrelu"} <= result["machine"].keys()
    lines = capsys.readouterr().out.splitlines()
    assert "training, float32, 4,096 elements" in lines
    assert f"{'one element (us)':60s}      10.00, at most 15 asked" in lines
    assert f"{'another (us)':60s}       9.00" in lines


@pytest.mark.parametrize("name", ["numpy_cpu", "torch_cpu"])
def test_rows_that_pages_show_are_still_measured(name):
    kept = json.loads((BENCHMARKS / "results" / f"{name.replace('_', '-')}.json").read_text(encoding="utf-8"))
    assert {(row["case"], row["dtype"]) for row in kept["rows"]} <= set(cases(import_module(name)))


def test_asked_and_compared_as_a_case_says(monkeypatch):
    import result

    monkeypatch.setattr(result, "in_turn", lambda work, rounds: {name: [function()] * rounds for name, function in work.items()})
    work = {"multirrelu": lambda: 1.0, "in place": lambda: 2.0, "theirs": lambda: 3.0, "copy": lambda: 4.0}
    case = "pullback", lambda dtype, elements: work, ("float32", "float64"), 4, {"copy": 0.5}
    first, second = result.rows_of([case], {"theirs": "in place"})(10, 3)
    about = {"case": "pullback", "elements": 40, "seconds": {name: function() for name, function in work.items()}, "failed": {}}
    ratios = {"in place": 2.0, "theirs": 1.5, "copy": 6.0}  # a copy of half as many bytes again
    assert first == {**about, "dtype": "float32", "ratios": ratios, "asked": {"copy": 0.5}}
    assert second == {**about, "dtype": "float64", "ratios": ratios, "asked": {}}


def test_rows_are_kept_as_soon_as_they_are_measured(tmp_path, monkeypatch):
    import result

    monkeypatch.setattr(result, "RESULTS", tmp_path / "results")

    def rows():
        yield result.row("a case", {"multirrelu": int, "theirs": int}, "float32", 1, 1, {"theirs": 1, "another": 2})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        result.record("some", {}, rows())
    (row,) = json.loads((tmp_path / "results" / "some.json").read_text(encoding="utf-8"))["rows"]
    assert (row["case"], row["asked"]) == ("a case", {"theirs": 1})


def test_a_peer_that_fails_is_told(capsys):
    import result

    row = result.row("a case", {"multirrelu": int, "theirs": lambda: 1 / 0}, "float32", 1, 1, {})
    assert row["seconds"].keys() == {"multirrelu"}
    assert result.lines(row).endswith("\n  theirs fails: ZeroDivisionError: division by zero")


def test_figures_of_pytorch():
    import torch_cpu

    figures = torch_cpu.figures(elements=1 << 20, calls=2)  # smaller tensors, of a layer of the network too, keep factors
    assert {name for name, (_, asked) in figures.items() if asked} == {
        "one element, forward, multirrelu (us)",
        "one element, forward, requires grad, multirrelu (us)",
        "one element, evaluation, multirrelu (us)",
    }
    for mode in "training", "evaluation":
        assert figures[f"saved, {mode}, multirrelu (bytes an element)"][0] == 4
        assert figures[f"saved beside the output, {mode}, multirrelu (bytes an element)"][0] == 0
        # PyTorch keeps the input; and the slopes, which differ among its versions in evaluation.
        assert figures[f"saved beside the output, {mode}, nn.RReLU (bytes an element)"][0] >= 4
    assert figures["saved beside the output, training, nn.RReLU (bytes an element)"][0] == 8
    ours, theirs = (figures[f"saved in a step of the small network, {name} (MiB)"][0] for name in ("multirrelu", "nn.RReLU"))
    assert 2 * ours < theirs


def test_bytes_of_a_network_are_each_counted_once():
    import networks
    import torch

    x = torch.ones(10, requires_grad=True)

    def run():
        y = x * x  # keeps x twice
        return y[:5].exp() * y[5:].sin()  # keeps y, the exponentials and the sines

    assert networks.kept(run, x) == (4 * (10 + 10 + 5 + 5), 4 * (10 + 5 + 5))
    assert networks.kept(x.exp) == (40, 0)  # which keeps its result alone
    # The activations of 16 images have 2**20 elements. Of ours the outputs are kept; of PyTorch's the inputs and the slopes too,
    # but not the last one's output, of 2**17 elements, for a mean follows, which needs no input.
    theirs, ours = networks.convolutional(), networks.convert_rrelu(networks.convolutional())
    assert 0 < networks.of_network(ours, 1 << 20) - (4 << 20) < 16_000
    assert 0 < networks.of_network(theirs, 1 << 20) - (12 << 20) + (4 << 17) < 16_000


def test_networks_are_trained():
    import networks

    for step in networks.mlp((8, 8, 3), 4, "float32", 0).values():
        model, *_ = step.args
        before = model[0].weight.clone()
        step()
        assert not before.equal(model[0].weight)


def test_scaling_of_dtensors():
    import dtensor_scaling

    name = dtensor_scaling.forward.__name__
    seconds = {f"{case.__name__}, tensor": [1.0] for case in dtensor_scaling.CASES}
    for case in dtensor_scaling.CASES:
        for scaling, one, two in ("weak", 2.0, 2.5), ("strong", 2.0, 1.0):
            seconds |= {f"{case.__name__}, {scaling}, 1": [one], f"{case.__name__}, {scaling}, 2": [two]}
    found = {row["case"]: row["ratios"] for row in dtensor_scaling.compared(seconds, 1)}
    assert len(found) == 9
    assert found[f"{name}, weak scaling"] == {"one process": 0.8}
    assert found[f"{name}, strong scaling"] == {"one process": 2}
    assert found[f"{name}, a DTensor in one process"] == {"a tensor": 0.5}
