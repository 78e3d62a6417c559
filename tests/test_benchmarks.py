"""The benchmark runs, on a few elements: how fast is not asked here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("torch")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])


def test_every_row_has_its_ratios_and_is_drawn(tmp_path):
    import picture
    import run

    rows = [run.row(case, dtype, 4096, 1, asked) for case, dtype, asked in run.ROWS]
    for row in rows:
        assert row["ratios"].keys() == row["seconds"].keys() - {"multirrelu"}
        assert row["asked"].keys() <= row["ratios"].keys()
    result = {"machine": run.machine(), "rows": rows, "figures": {"one element (us)": (10, 15)}}
    assert "training, float32, 4,096 elements" in run.table(result)
    picture.draw(result, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
