"""Dask's benchmark runs, on a few elements and in one process: how fast is not asked here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("distributed")
pytest.importorskip("zarr")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
    import dask_scaling

    return dask_scaling


def test_every_row_has_its_ratios(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "LIMIT", 10**9)  # of this process, which is none that a benchmark has started
    monkeypatch.setattr(benchmark, "overhead", lambda processes, whole=benchmark.overhead: whole(processes, 20))
    monkeypatch.setattr(benchmark, "graph", lambda whole=benchmark.graph: whole(1000))
    result = benchmark.measure(4096, 1, processes=False)
    for row in result["rows"]:
        assert row["ratios"].keys() == row["seconds"].keys() - {"multirrelu"}
    assert all(value <= most for name, (value, most) in result["figures"].items() if most and "out of core" not in name)
    assert "two workers, to Zarr on disk, float32, 24,576 elements" in benchmark.report.table(result)


def test_what_is_compared_does_the_same_work(benchmark):
    whole = -np.ones(4096, dtype=np.float32)
    expected = benchmark.train(whole)
    assert np.array_equal(benchmark.serial(whole), expected)
    assert np.array_equal(benchmark.train(benchmark.source(4096, 1000)).compute(scheduler="sync"), expected)
