"""The benchmark of sparse arrays runs, on a few elements: how fast is not asked here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("sparse")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
    import sparse_cpu

    return sparse_cpu


def test_every_row_has_its_ratio(benchmark):
    rows = list(benchmark.rows(4096, 1))
    assert len(rows) == 14
    for row in rows:
        assert row["ratios"].keys() == row["asked"].keys() == {benchmark.WRITTEN}
        assert 4000 < row["elements"] <= 4096


def test_all_formats_hold_the_same_array(benchmark):
    given = [x for _, x in benchmark.arrays(4096, "float64")]
    assert len({x.data.size for x in given}) == 1
    assert all(np.array_equal(np.sort(x.data), np.sort(given[0].data)) for x in given)
