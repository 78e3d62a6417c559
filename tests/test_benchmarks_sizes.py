"""The benchmark of sizes runs, on a few of them."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
for needed in ("torch", "jax", "numba"):
    pytest.importorskip(needed)

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_a_row_for_each_library_case_and_size(tmp_path, monkeypatch, capsys):
    import torch

    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    monkeypatch.setattr(sys, "argv", ["sizes.py", "--largest", "2", "--rounds", "1"])
    import report

    monkeypatch.setattr(report, "RESULTS", tmp_path)
    runpy.run_path(str(BENCHMARKS / "sizes.py"), run_name="__main__")
    torch.set_num_threads(threads)
    rows = json.loads((tmp_path / "sizes.json").read_text(encoding="utf-8"))["rows"]
    expected = [(name, size, case) for name in ("NumPy", "PyTorch", "JAX") for size in (1, 4) for case in ("forward", "both passes")]
    assert [(row["library"], row["elements"], row["case"]) for row in rows] == expected
    for row in rows:
        assert len(row["seconds"]) == 2
        assert all(seconds > 0 for seconds in row["seconds"].values())
    assert f"kept in {tmp_path / 'sizes.json'}" in capsys.readouterr().out


@pytest.mark.parametrize("case", ["forward", "both passes"])
@pytest.mark.parametrize("library", ["of_numpy", "of_torch", "of_jax"])
def test_ours_and_theirs_scale_by_slopes_within_the_bounds(library, case, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import sizes

    for function in getattr(sizes, library)(1000)[case].values():
        result = function()
        last = np.asarray(result if case == "forward" else result[-1])
        assert last.shape == (1000,)
        assert np.isfinite(last).all()
