"""JAX's benchmark runs, on a few elements: how fast is not asked here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent / "benchmarks"), *sys.path])
    import jax_cpu

    return jax_cpu


def test_every_row_has_its_ratios(benchmark, tmp_path, monkeypatch):
    import result

    monkeypatch.setattr(result, "RESULTS", tmp_path)
    path = result.record("some", result.machine("jax"), result.rows_of(benchmark.CASES)(4096, 1), lambda: {"compile (s)": (0.2, 1.5)})
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["machine"]["jax"]
    assert found["figures"] == {"compile (s)": [0.2, 1.5]}
    kept = json.loads((RESULTS / "jax-cpu.json").read_text(encoding="utf-8"))
    names = {(row["case"], row["dtype"]): row["seconds"].keys() for row in found["rows"]}
    for row in kept["rows"]:  # which a page shows
        assert row["seconds"].keys() <= names[row["case"], row["dtype"]]
    for row in found["rows"]:
        assert row["ratios"].keys() == row["seconds"].keys() - {"multirrelu"}
        assert (row["asked"] == {}) == (row["dtype"] == "bfloat16" or row["case"] == "evaluation")


def test_programs_that_are_compared_do_the_same_work(benchmark):
    """Each with slopes of its own between the same bounds."""
    import jax
    import jax.numpy as jnp

    x, key = -jnp.ones(1000), jax.random.key(1)
    for program in (benchmark.ours, benchmark.composed):
        y = jax.jit(program)(x, key)
        assert ((-y >= 1 / 8) & (-y <= 1 / 3)).all()
        assert jnp.unique(y).size > 900
        assert (jax.jit(benchmark.both(program))(x, key, x)[1] == y).all()
    assert (benchmark.leaky(x, key) == jnp.float32(-11 / 48)).all()


def test_scaling(benchmark, monkeypatch):
    """With real processes, on a few elements."""
    import jax_scaling

    monkeypatch.delenv("XLA_FLAGS", raising=False)  # which may set the number of devices
    rows = list(jax_scaling.rows(4096, 1))
    assert [row["case"] for row in rows] == ["training", "both passes", "copy"]
    for row in rows:
        assert row["ratios"].keys() == row["seconds"].keys() - {"two processes"}
        assert min(row["seconds"].values()) > 0
