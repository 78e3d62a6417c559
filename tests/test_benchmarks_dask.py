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


def test_every_row_has_its_ratios(benchmark):
    rows = list(benchmark.rows(4096, 1, processes=False))
    for row in rows:
        assert row["ratios"].keys() == row["seconds"].keys() - {"multirrelu"}
    figures = {**benchmark.graph(1000), **benchmark.overhead(20, processes=False)}
    assert all(value <= most for value, most in figures.values() if most)
    figures |= benchmark.memory(4096, processes=False)  # of this process, which is larger than a worker
    assert "two workers, to Zarr on disk, float32, 24,576 elements" in benchmark.result.lines(rows[-1])
    assert "out of core: most memory of a worker (MB)" in figures
    assert benchmark.result.machine(*benchmark.PACKAGES)["zarr"]


def test_what_is_compared_does_the_same_work(benchmark):
    whole = -np.ones(4096, dtype=np.float32)
    expected = benchmark.train(whole)
    assert np.array_equal(benchmark.serial(whole), expected)
    assert np.array_equal(benchmark.train(benchmark.source(4096, 1000)).compute(scheduler="sync"), expected)


def test_workers_of_this_process_are_not_paused(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "LIMIT", 1 << 20)  # bytes, which this process exceeds: Dask would pause its workers for ever
    row = benchmark.out_of_core(4096, 40, processes=False)
    assert row["seconds"]["multirrelu"] > 0
