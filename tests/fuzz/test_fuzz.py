"""Some hundred random cases on each library that is installed; `nox -s fuzz` runs as many as its caller says."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

import multirrelu
from conformance.mutants import MUTANTS
from conformance.seams import backend
from fuzz.__main__ import main
from fuzz.libraries import library, missing
from fuzz.run import run

RARE = {"zero times anything is zero"}  # an infinity at a slope of exactly zero is one case of many thousands
OF_NUMPY = {name: mutant.backend for name, mutant in MUTANTS.items() if mutant.namespace == "numpy" and not mutant.suite}
WRONG = {name: scale for name, scale in OF_NUMPY.items() if scale is not multirrelu.agnostic.scale and name not in RARE}
SMALL = {"kinds": ("plain",), "large": 0, "huge": 0}  # which is quick, and what wrong backends are made for


class Cases:
    """A library by its namespace, and how many cases it is worth."""

    cases = 300

    def test_random_cases(self):
        if reason := missing(self.namespace):
            pytest.skip(f"{self.namespace}: {reason}")
        outcome = run(library(self.namespace), seed=2, numbers=range(self.cases))
        assert not outcome.failures, "\n".join(outcome.failures)
        assert outcome.elements > 1000 * self.cases


class TestNumpy(Cases):
    namespace = "numpy"


class TestStrict(Cases):
    namespace = "array_api_strict"


class TestTorch(Cases):
    namespace = "torch"


class TestCupy(Cases):
    namespace = "cupy"


class TestDask(Cases):
    namespace = "dask.array"


class TestMlx(Cases):
    namespace = "mlx.core"


class TestTensorFlow(Cases):
    namespace = "tensorflow"


class TestJax(Cases):
    namespace = "jax.numpy"
    cases = 60  # each of which compiles anew


class TestFuzz:
    """That cases find what is wrong, and say so."""

    namespace = "numpy"

    @pytest.mark.parametrize("name", WRONG)
    def test_wrong_backends_are_found(self, registry, name):
        registry.register("numpy", WRONG[name])
        under_test = library("numpy", **SMALL)
        assert any(run(under_test, seed=3, numbers=[number]).failures for number in range(200))

    def test_a_right_backend_is_not(self, registry):
        registry.register("numpy", backend())
        assert not run(library("numpy", **SMALL), seed=3, numbers=range(100)).failures

    def test_an_exception_is_a_failure(self, registry):
        def broken(values, gate, slopes, /, *, out=None):
            raise OSError("no space left")

        registry.register("numpy", broken)
        outcome = run(library("numpy"), seed=4, numbers=range(3))
        assert [re.search("OSError: no space left in ", line) is not None for line in outcome.failures] == [True] * 3

    def test_a_case_alone_is_the_case_among_others(self, registry):
        registry.register("numpy", WRONG["offset ignored"])
        first, *_ = run(library("numpy"), seed=5, numbers=range(100)).failures
        number = int(first.rpartition(" --case ")[2])
        assert run(library("numpy"), seed=5, numbers=[number]).failures == [first]

    def test_time_ends(self):
        outcome = run(library("numpy"), seed=6, numbers=range(10**9), seconds=0.5)
        assert 0 < outcome.cases < 10**6


class TestCommand:
    namespace = "numpy"

    def test_a_line_for_each_library(self, capsys):
        assert main(["--library", "numpy", "--cases", "5", "--seed", "7"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"numpy +5 cases, +[\d,]+ elements, 0 differing bits \(\d+ s\)", line)

    def test_what_fails_is_a_line_that_makes_it_again(self, registry, capsys):
        registry.register("numpy", WRONG["lanes swapped"])
        assert main(["--library", "numpy", "--cases", "9", "--seed", "7"]) == 1
        first, *_, last = capsys.readouterr().out.splitlines()
        assert re.search(r", \d+ differing bits, \d cases failed \(\d+ s\)$", last)
        wrong, _, again = first.partition(" -- again: nox -s fuzz -- ")
        assert re.match(r"numpy \w+: .+ in \w+ shape=", wrong)
        assert main(again.split()) == 1
        assert capsys.readouterr().out.splitlines()[0] == first

    def test_no_case_is_no_success(self):
        assert main(["--library", "numpy", "--cases", "0"]) == 1

    def test_what_is_not_there_is_left_out(self, monkeypatch, capsys):
        monkeypatch.setattr("fuzz.__main__.NAMES", ["numpy", "no_such_library"])
        assert main(["--cases", "1"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith("numpy  ")
        assert second == "no_such_library    left out: not installed"

    def test_what_is_asked_for_must_be_there(self, capsys):
        assert main(["--cases", "1", "--library", "no_such_library"]) == 1
