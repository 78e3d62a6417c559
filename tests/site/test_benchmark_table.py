"""The table that a page makes of a benchmark's results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROW = {"case": "training", "dtype": "float32", "elements": 1 << 28, "seconds": {"multirrelu": 0.5, "copy": 0.4}, "ratios": {"copy": 0.8}}
RESULT = {"rows": [ROW], "machine": {"gpu": "A GPU"}, "figures": {}}


@pytest.fixture
def markdown(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The function that makes it."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2] / "docs"), *sys.path])
    return pytest.importorskip("benchmark_table").markdown


def test_one_library_and_one_size_have_no_column(markdown: Any) -> None:
    """A row has the speed, and the ratios to the others."""
    names, _, row, _, machine, _ = markdown(RESULT)
    assert names == "| case | dtype | M elements/s | times as fast as |"
    assert row == "| training | float32 | 537 | 0.80 `copy` |"
    assert machine == "Measured on: gpu A GPU."


def test_several_libraries_and_sizes_have_columns(markdown: Any) -> None:
    """As those of a GPU's results, which would look alike otherwise."""
    rows = [{"library": "cupy", **ROW}, {"library": "torch", **ROW, "elements": 1000}]
    names, line, one, other, *_ = markdown({**RESULT, "rows": rows})
    assert names == "| case | dtype | library | elements | M elements/s | times as fast as |"
    assert line == "|---|---|---|---|---:|---|"
    assert one.startswith("| training | float32 | cupy | 2<sup>28</sup> | 537 |")
    assert other.startswith("| training | float32 | torch | 1,000 | 0 |")
