"""The benchmark of sizes runs, on a few of them."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

for needed in ("numpy", "torch", "jax", "numba"):
    pytest.importorskip(needed)

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_a_row_for_each_library_case_and_size(tmp_path, monkeypatch, capsys):
    import torch

    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    monkeypatch.setattr(sys, "argv", ["sizes.py", "--elements", "4", "--rounds", "1"])
    import result

    monkeypatch.setattr(result, "RESULTS", tmp_path)
    runpy.run_path(str(BENCHMARKS / "sizes.py"), run_name="__main__")
    torch.set_num_threads(threads)
    rows = json.loads((tmp_path / "sizes.json").read_text(encoding="utf-8"))["rows"]
    expected = [(name, size, case) for name in ("NumPy", "PyTorch", "JAX") for size in (1, 4) for case in ("forward", "both passes")]
    assert [(row["library"], row["elements"], row["case"]) for row in rows] == expected
    for row in rows:
        assert len(row["seconds"]) == 2
        assert all(seconds > 0 for seconds in row["seconds"].values())
        assert list(row["ratios"].values()) == [row["ratio"]]
    assert f"kept in {tmp_path / 'sizes.json'}" in capsys.readouterr().out
