"""``python -m multirrelu bench``: what is measured is what is said, nothing is left changed, and what cannot be measured is told."""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from functools import partial
from types import SimpleNamespace

import pytest

from multirrelu.__main__ import main
from multirrelu.cli import machine
from multirrelu.cli.bench import layouts, libraries, measure, timing
from multirrelu.cli.bench.workload import COPY, OURS, STREAM, WORDS, Workload
from multirrelu.cli.command import bench

WORKS = ["training", "evaluation", "backward", "both passes"]
QUICK = ["--size", "1000", "--seconds", "0.001"]


@pytest.fixture(params=["numpy", "torch", "jax"])
def name(request):
    """A library that can be measured, where it is installed."""
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def library(monkeypatch):
    """Put a library of the test's own in the place of all others."""

    def put(workloads, **others):
        fake = SimpleNamespace(xp=SimpleNamespace(__name__="somebody"), version="1.0", workloads=workloads, **others)
        monkeypatch.setattr(libraries, "load", lambda name: fake)
        monkeypatch.setattr(measure.answers, "has", lambda xp, dtype: dtype != "bfloat16")

    return put


def test_every_work_of_a_library(name):
    rows = list(measure.measure(name, "float32", 1000, 0.001))
    assert [row.work for row in rows] == WORKS
    for row in rows:
        assert (row.library, row.dtype, row.elements, row.note) == (name, "float32", 1000, "")
        assert row.device.startswith("CPU")
        assert row.why.startswith(("the fused kernel", "one loop that XLA fuses", "NumPy in cache-sized blocks"))
        assert set(row.seconds) == {"multirrelu", "copy", row.peer}
        assert set(row.ratios) == {"copy", row.peer}
        assert all(took > 0 for took in row.seconds.values())
        assert row.rounds >= measure.FEWEST


def test_ours_and_peer_do_the_same_work(name, np):
    """Where x > 0 both give x (or g); elsewhere both give it times a slope between the bounds."""
    seen = 0
    for one in libraries.load(name).workloads("float32", 1000):
        made = []
        for call in (one.ours, one.theirs, one.copy):
            result = call()
            one.wait(result)
            made.append(np.asarray(result[-1] if isinstance(result, tuple) else result))
        ours, theirs, copied = made
        assert {array.shape for array in made} == {(1000,)}
        assert {array.dtype for array in made} == {np.dtype("float32")}
        if one.work == "evaluation":
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        gradient = one.work in {"backward", "both passes"}
        if gradient:  # not of the array that is copied, but of a gradient of either sign
            ratios = ours / theirs
            assert (ratios > 0).all()
            if one.work == "both passes":  # each with slopes of its own
                assert (ratios < 1).any()
                assert (ratios > 1).any()
        else:
            ratios = np.concatenate([ours / copied, theirs / copied])
        assert ((ratios >= 0.124) & (ratios <= 1 / 0.124 if gradient else ratios <= 1)).all()
        assert (ours == theirs).sum() > 400
        seen += 1
    assert seen == 4


@pytest.mark.parametrize(("layout", "shape", "steps"), [("transposed", (64, 128), (1, 64)), ("rows", (4, 1024), (2048, 1))])
def test_other_layouts(np, layout, shape, steps):
    """What is read and what is written has the layout, and the peer's result has the shape."""
    view, times = layouts.LAYOUTS[layout]
    assert times * np.prod(shape) == 8192
    for one in given("numpy", view):
        ours, copied, theirs = (way()[-1] if one.work == "both passes" and name != COPY else way() for name, way in one.ways.items())
        assert ours.shape == copied.shape == theirs.shape == shape
        assert ours.strides == copied.strides == tuple(4 * step for step in steps)


def test_cases_of_every_layout(np):
    found = {case: (elements, ways) for case, elements, ways in layouts.cases(partial(given, "numpy"), 8192)}
    assert list(found) == [*WORKS, "training, transposed", "training, rows"]
    for case, (elements, ways) in found.items():
        assert ways[COPY]().size == elements == (4096 if case.endswith("rows") else 8192)


def given(library, view):
    return libraries.load(library).workloads("float32", 8192, given=True, view=view)


def test_pytorchs_global_generator_is_left_alone(torch):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert len(list(measure.measure("torch", "float32", 100, 0.001))) == 4
    assert torch.equal(torch.get_rng_state(), before)
    one = iter(measure.measure("torch", "float32", 100, 0.001))
    next(one)
    assert not torch.equal(torch.get_rng_state(), before)
    one.close()  # as where a later library fails
    assert torch.equal(torch.get_rng_state(), before)


def test_numpys_global_generator_is_left_alone(np):
    before = np.random.get_state()[1].tolist()
    list(measure.measure("numpy", "float32", 100, 0.001))
    assert np.random.get_state()[1].tolist() == before


def test_peer_that_has_no_such_dtype(torch):
    training, evaluation, backward, both = measure.measure("torch", "float16", 100, 0.001)
    for row in training, backward, both:
        assert "not implemented for 'Half'" in row.note
        assert set(row.ratios) == {"copy"}
    assert evaluation.note == ""
    assert bench.cells(training)[4:] == (("", ""), f"{training.peer}: {training.note}")


def test_dtype_that_a_library_lacks(np, monkeypatch):
    monkeypatch.setattr(measure.answers, "has", lambda xp, dtype: dtype != "bfloat16")  # which another package may have brought
    with pytest.raises(TypeError, match="numpy has no bfloat16 here"):
        list(measure.measure("numpy", "bfloat16", 10, 0.001))


def test_cupys_device_is_named_and_waited_for(np, monkeypatch):
    """With NumPy in CuPy's place: the device is what differs."""
    waited = []
    runtime = SimpleNamespace(getDeviceProperties=lambda number: {"name": b"a GPU, number %d" % number})
    device = SimpleNamespace(id=3, synchronize=lambda: waited.append(True))
    cuda = SimpleNamespace(Device=lambda: device, runtime=runtime)

    class RandomState(np.random.RandomState):  # CuPy's has dtypes
        def uniform(self, low, high, size, dtype):
            return super().uniform(low, high, size).astype(dtype)

        def standard_normal(self, size, dtype):
            return super().standard_normal(size).astype(dtype)

    names = ("__name__", "__version__", "copy", "copyto", "float32", "float64", "ones_like", "where", "zeros_like")
    random = SimpleNamespace(RandomState=RandomState)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, random=random, **{name: getattr(np, name) for name in names}))
    monkeypatch.delitem(sys.modules, "multirrelu.cli.bench.libraries.cupy", raising=False)
    made = list(libraries.load("cupy").workloads("float32", 100))
    copied = [libraries.workload("cupy", "training", "float32", 100, given=given).copy for given in (True, False)]
    monkeypatch.delitem(sys.modules, "multirrelu.cli.bench.libraries.cupy")
    assert [one.work for one in made] == WORKS
    for number, one in enumerate(made, 1):
        one.wait(one.theirs())
        assert len(waited) == number
        assert (one.device, one.peer.startswith("cp.where(x >= 0, ")) == ("a GPU, number 3", True)
    given, new = copied
    assert given() is given()
    assert new() is not new()
    np.testing.assert_array_equal(given(), new())


@pytest.mark.parametrize(("factor", "style"), [(1, "green"), (0.1, "yellow")])
def test_ratios_are_how_many_times_as_fast(monkeypatch, library, factor, style):
    now = [0.0]

    def takes(seconds):
        def call():
            now[0] += seconds

        return call

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    library(lambda dtype, elements: (one for one in [Workload("a device", "training", takes(2), takes(1), "theirs", takes(8 * factor))]))
    (row,) = measure.measure("some", "float32", 4_000_000, 1e-9)
    assert row.seconds == pytest.approx({"multirrelu": 2, "copy": 1, "theirs": 8 * factor})
    assert row.ratios == pytest.approx({"copy": 0.5, "theirs": 4 * factor})
    assert row.rounds == measure.FEWEST
    assert bench.cells(row) == (("some", "bold"), "training", "2", "0.50", (f"{4 * factor:.2f}", style), "theirs")


def test_of_a_copy_as_many_bytes_are_compared():
    seconds = {"multirrelu": [1.0, 1.0], "copy": [1.0, 1.0], "theirs": [2.0, 4.0], "in place": [0.5, 0.5]}
    assert timing.compare("pullback", seconds)[1] == {"copy": 1.5, "theirs": 3.0, "in place": 0.5}
    assert timing.compare("both_passes", seconds)[1]["copy"] == 2.5
    medians, ratios = timing.compare("training", seconds, {"theirs": "in place"})
    assert medians == {"multirrelu": 1, "copy": 1, "theirs": 3, "in place": 0.5}
    assert ratios == {"copy": 1.0, "theirs": 6.0, "in place": 0.5}


def test_of_ours_and_a_copy_errors_are_raised():
    functions = {"multirrelu": int, "copy": lambda: 1 / 0, "theirs": lambda: 1 / 0}
    with pytest.raises(ZeroDivisionError):
        timing.usable(functions)
    used, failed = timing.usable({**functions, "copy": int})
    assert list(used) == ["multirrelu", "copy"]
    assert failed == {"theirs": "ZeroDivisionError: division by zero"}


class Event:
    """A moment of a device, a second after the one before."""

    def __init__(self):
        self.at = next(self.clock)

    def seconds(self, end):
        return end.at - self.at


def test_another_clock(monkeypatch):
    monkeypatch.setattr(Event, "clock", itertools.count(), raising=False)
    called = []
    functions = {name: lambda name=name: called.append(name) for name in "ab"}
    seconds = timing.in_turn(functions, 2, uncounted=3, clock=timing.Clock(Event, Event.seconds))
    assert called == ["a", "b"] * 5
    assert seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


def test_many_calls_in_a_turn(monkeypatch):
    called, ticks = [], itertools.count()
    functions = {name: lambda name=name: called.append(name) for name in "ab"}
    monkeypatch.setattr("time.perf_counter", lambda: 5.0 * next(ticks))
    assert timing.in_turn(functions, 2, calls=100) == {"a": [0.05, 0.05], "b": [0.05, 0.05]}
    assert called == (["a"] * 100 + ["b"] * 100) * 3
    assert timing.per_call(int, calls=10, rounds=3) == 0.5


def test_in_turn():
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    assert {name: len(took) for name, took in timing.in_turn(functions, 2).items()} == {"a": 2, "b": 2}
    assert "".join(calls) == "ababab"
    calls.clear()
    timing.in_turn(functions, 1, settled=True)
    assert "".join(calls) == "aabb" * 2


@pytest.mark.parametrize(
    ("text", "name"),
    [("processor\t: 0\nmodel name\t: A Fast One\nmodel name\t: Another\n", "A Fast One"), ("", None), (None, None)],
    ids=["linux", "nameless", "elsewhere"],
)
def test_processor(tmp_path, monkeypatch, text, name):
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert machine.processor() == (name or "riscv64")


@pytest.mark.parametrize(("flags", "vectors"), [("fpu avx2 avx512f", "avx512f"), ("avx avx2", "avx2"), ("sse2", "riscv64")])
def test_vectors(tmp_path, monkeypatch, flags, vectors):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n", encoding="utf-8")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    assert machine.hardware()["vectors"] == vectors


# The command


def test_table(np, capsys):
    assert main(["bench", "--library", "numpy", *QUICK]) == 0
    said, complaints = capsys.readouterr()
    lines = said.splitlines()
    assert complaints == ""
    assert "float32, 1,000 elements" in lines
    assert any(line.startswith(f"numpy {np.__version__} on CPU, ") for line in lines)
    header = lines.index(next(line for line in lines if line.startswith("library  work")))
    for line, work in zip(lines[header + 1 : header + 5], WORKS, strict=True):
        assert re.match(rf"numpy +{work} +[\d,]+ ", line)
    assert lines[-1] == bench.LEGEND


@pytest.mark.parametrize("place", [lambda line: ["--json", *line], lambda line: [*line, "--json"]], ids=["before", "after"])
def test_json(np, capsys, place):
    assert main(place(["bench", "--library", "numpy", "--dtype", "float64", *QUICK])) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["multirrelu", "python", "platform", "processor", "vectors", "cores", "rows", "not_measured"]
    assert [measure.Measured(**row).work for row in said["rows"]] == WORKS
    assert {row["dtype"] for row in said["rows"]} == {"float64"}


def test_only_what_is_installed_is_measured(library, monkeypatch, capsys):
    def workloads(dtype, elements):
        raise OSError("no\nGPU")

    library(workloads)
    monkeypatch.setattr(bench, "installed", lambda name: name == "cupy")
    assert main(["bench", *QUICK]) == 2
    assert capsys.readouterr() == ("", "multirrelu: cupy was not measured: OSError: no GPU\n")


def test_one_of_two_fails(library, monkeypatch, capsys):
    fails = iter([False, True, False, True])

    def workloads(dtype, elements):
        if next(fails):
            raise OSError("no GPU")
        yield Workload("a device", "training", int, int, "theirs", int)

    library(workloads)
    monkeypatch.setattr(bench, "installed", lambda name: True)
    monkeypatch.setattr(bench, "need", lambda *_: None)
    monkeypatch.setattr(libraries, "names", lambda: ["cupy", "numpy"])
    assert main(["bench", *QUICK]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "numpy was not measured: OSError: no GPU"
    assert main(["bench", "--library", "cupy", "numpy", *QUICK]) == 2  # it was asked for by name
    assert capsys.readouterr() == ("", "multirrelu: numpy was not measured: OSError: no GPU\n")


def test_nothing_to_measure(monkeypatch, capsys):
    monkeypatch.setattr(bench, "installed", lambda name: False)
    assert main(["bench"]) == 2
    assert capsys.readouterr().err == 'multirrelu: there is no library to measure: pip install "multirrelu[numpy]"\n'


def test_missing_library(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", None)
    assert main(["bench", "--library", "jax"]) == 2
    assert capsys.readouterr().err == 'multirrelu: the measurement needs jax: pip install "multirrelu[jax]"\n'


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("1000", 1000), ("2**22", 1 << 22), ("10**6", 10**6)])
def test_size(text, number):
    assert bench.size(text) == number


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0", "must be at least 1, got 0"),
        ("2**0", "must be at least 1, got 0"),
        ("2**40", r"must be less than 2\*\*40, got 2\*\*40"),
        ("9**999999999", r"must be less than 2\*\*40, got 9"),
    ],
)
def test_bad_size(text, match):
    with pytest.raises(argparse.ArgumentTypeError, match=match):
        bench.size(text)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "61"])
def test_bad_seconds(capsys, seconds):
    with pytest.raises(SystemExit) as end:
        main(["bench", f"--seconds={seconds}"])
    assert end.value.code == 2
    assert f"must lie in (0, 60], got {seconds}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("work", "others", "part"),
    [
        ("training", {COPY: [3.0], STREAM: [2.0], WORDS: [3.0]}, 0.75),
        ("evaluation", {COPY: [3.0], STREAM: [2.0]}, 0.5),
        ("backward", {COPY: [1.0], STREAM: [2.0], WORDS: [1.0]}, 0.375),
        ("training", {COPY: [3.0]}, None),
    ],
)
def test_the_limit_is_the_slower_of_memory_and_words(work, others, part):
    assert timing.of_limit(work, {OURS: [4.0], **others}) == part
