"""The benchmark of narrower vectors: a process for each, equal bits, and a row for each case."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from multirrelu.cli.machine import hardware

pytest.importorskip("numba")

BENCHMARKS = str(Path(__file__).parent.parent / "benchmarks")


@pytest.fixture
def vectors(monkeypatch):
    monkeypatch.setattr(sys, "path", [BENCHMARKS, *sys.path])
    made = import_module("vectors")
    if hardware()["vectors"] not in ("avx512f", "avx2"):
        pytest.skip("the processor is no x86")
    monkeypatch.setattr(made, "TARGETS", {name: made.TARGETS[name] for name in ("multirrelu", "SSE2")})
    monkeypatch.setattr(made, "CASES", made.CASES[:1])
    return made


def test_a_row_for_each_case(vectors):
    (row,) = vectors.rows(elements=4096, rounds=1)
    assert (row["case"], row["dtype"], row["elements"]) == ("training", "float32", 4096)
    assert row["seconds"].keys() == {"multirrelu", "SSE2"}
    assert row["ratios"] == {"SSE2": pytest.approx(row["seconds"]["SSE2"] / row["seconds"]["multirrelu"])}


class Worker:
    """A process that says what it is told."""

    def __init__(self, digest):
        self.digest = digest

    def submit(self, function, *arguments):
        return SimpleNamespace(result=lambda: (1.0, f"{self.digest} of {' '.join(map(str, arguments))}"))


def test_bits_that_differ_end_it(vectors):
    with pytest.raises(SystemExit, match=r"^training, float32: the bits differ: \{'a': '0 of training float32 8', 'b': '1"):
        vectors.times({"a": Worker(0), "b": Worker(1)}, "training", "float32", 8, 1)
