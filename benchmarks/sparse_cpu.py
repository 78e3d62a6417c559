"""Measure sparse arrays against a product of the stored elements with uniform numbers, which makes no sparse array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import result
import scipy.sparse
import sparse

import multirrelu
from multirrelu.cli.bench.workload import LOWER, OURS, SEED, UPPER

WRITTEN = "x.data * rng.uniform(...)"
SIDE = 20_000


def arrays(elements: int, dtype: str) -> Iterator[tuple[str, Any]]:
    """Yield an array of about the given number of stored elements, in each format that stores its elements in NumPy arrays."""
    rng = np.random.default_rng(SEED)
    index = np.unique(rng.integers(0, SIDE**2, elements))
    (row, column), data = np.divmod(index, SIDE), rng.standard_normal(index.size).astype(dtype)
    for name in ("csr", "csc", "coo"):
        yield f"scipy {name}", scipy.sparse.coo_array((data, (row, column)), shape=(SIDE, SIDE)).asformat(name)
    axes = {"": ((row, column), (SIDE, SIDE)), " of three axes": ((row, *np.divmod(column, 100)), (SIDE, SIDE // 100, 100))}
    for name, (places, shape) in axes.items():
        x = sparse.COO(np.array(places), data, shape=shape, has_duplicates=False, sorted=True)
        yield f"sparse coo{name}", x
        yield f"sparse gcxs{name}", x.asformat("gcxs")


def rows(elements: int, rounds: int) -> Iterator[result.Row]:
    """Yield all rows."""
    rng = np.random.default_rng(SEED)
    for dtype in ("float32", "float64"):
        for case, x in arrays(elements, dtype):
            work: result.Work = {
                OURS: lambda x=x: multirrelu.rrelu(x, training=True, rng=SEED),
                WRITTEN: lambda x=x: x.data * rng.uniform(LOWER, UPPER, x.data.shape).astype(x.dtype),
            }
            yield result.row(case, work, dtype, x.data.size, rounds, {WRITTEN: 0.4})


if __name__ == "__main__":
    result.main("sparse-cpu", 1 << 22, rows, packages=("numpy", "numba", "scipy", "sparse"))
