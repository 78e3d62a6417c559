"""Measure sparse arrays against a product of the stored elements: a table of ratios, and JSON under ``benchmarks/results``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import report
import scipy.sparse
import sparse

import multirrelu

WRITTEN = "x.data * rng.uniform(...)"
SIDE = 20_000


def arrays(elements: int, dtype: str) -> Iterator[tuple[str, Any]]:
    """Yield an array of about the given number of stored elements, in each format that stores its elements in NumPy arrays."""
    rng = np.random.default_rng(0)
    index = np.unique(rng.integers(0, SIDE**2, elements))
    places, data = (index // SIDE, index % SIDE), rng.standard_normal(index.size).astype(dtype)
    coo = scipy.sparse.coo_array((data, places), shape=(SIDE, SIDE))
    for name in ("csr", "csc", "coo"):
        yield f"scipy {name}", coo.asformat(name)
    theirs = sparse.COO(np.array(places), data, shape=(SIDE, SIDE), has_duplicates=False, sorted=True)
    cube = (index // SIDE, index % SIDE // 100, index % 100)
    third = sparse.COO(np.array(cube), data, shape=(SIDE, SIDE // 100, 100), has_duplicates=False, sorted=True)
    for name, x in (("", theirs), (" of three axes", third)):
        yield f"sparse coo{name}", x
        yield f"sparse gcxs{name}", x.asformat("gcxs")


def row(case: str, x: Any, rounds: int) -> dict[str, Any]:
    """Return the time of training and of a product of the stored elements with uniform numbers, which makes no sparse array."""
    rng = np.random.default_rng(1)
    work: report.Work = {
        report.OURS: lambda: multirrelu.rrelu(x, training=True, rng=7),
        WRITTEN: lambda: x.data * rng.uniform(1 / 8, 1 / 3, x.data.shape).astype(x.dtype),
    }
    return report.row(case, work, str(x.dtype), x.data.size, rounds, {WRITTEN: 0.4})


def rows(elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return all cases."""
    return [row(case, x, rounds) for dtype in ("float32", "float64") for case, x in arrays(elements, dtype)]


if __name__ == "__main__":
    report.main(__doc__, "sparse-cpu", 1 << 22, rows, dict, report.machine("numpy", "numba", "scipy", "sparse"))
