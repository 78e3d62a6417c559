"""JAX's benchmark runs, on a few elements: how fast is not asked here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
    import jax_cpu

    return jax_cpu


def test_every_row_has_its_ratios(benchmark):
    rows = benchmark.rows(4096, 1)
    for row in rows:
        assert row["ratios"].keys() == row["seconds"].keys() - {"multirrelu"}
        assert row["asked"].keys() <= row["ratios"].keys()


def test_command(benchmark, tmp_path, monkeypatch, capsys):
    import report

    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["a benchmark", "--elements", "4096", "--rounds", "1"])
    figures = {"compile (s)": (0.2, 1.5), "a call (us)": (9.0, None)}
    path = report.main(None, "some", 1 << 22, benchmark.rows, lambda: figures, report.machine("jax"))
    result, printed = json.loads(path.read_text(encoding="utf-8")), capsys.readouterr().out
    assert result["machine"]["jax"]
    assert len(result["rows"]) == 6
    assert "training, float32, 4,096 elements" in printed
    assert f"{'compile (s)':60s}       0.20, at most 1.5 asked" in printed


def test_programs_that_are_compared_do_the_same_work(benchmark):
    """Each with slopes of its own between the same bounds."""
    import jax
    import jax.numpy as jnp

    x, key = -jnp.ones(1000), jax.random.key(1)
    for program in (benchmark.ours, benchmark.composition):
        y = jax.jit(program)(x, key)
        assert ((-y >= 1 / 8) & (-y <= 1 / 3)).all()
        assert jnp.unique(y).size > 900
        assert (jax.jit(benchmark.both(program))(x, key, x)[1] == y).all()
    assert (benchmark.leaky(x, key) == jnp.float32(-11 / 48)).all()


def test_scaling(benchmark, monkeypatch):
    """With real processes, on a few elements."""
    import jax_scaling

    monkeypatch.delenv("XLA_FLAGS", raising=False)  # which may set the number of devices
    rows = jax_scaling.rows(4096, 1)
    assert [row["case"] for row in rows] == ["training", "both passes", "copy"]
    for row in rows:
        assert row["ratios"].keys() == row["seconds"].keys() - {"two processes"}
        assert min(row["seconds"].values()) > 0
