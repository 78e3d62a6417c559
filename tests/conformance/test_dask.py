"""The suite on Dask, whose arrays are cut unevenly along every axis."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
pytest.importorskip("dask.array")


def cut(length):
    """Return the sizes of uneven chunks, an empty one among them."""
    first, second = length // 2, length // 3
    return (first, 0, second, length - first - second) if length > 4 else (length,)


class TestDask(suite.suite_for("dask.array", *suite.EXACT)):
    def from_numpy(self, array):
        import dask.array

        return dask.array.from_array(array.copy(), chunks=tuple(map(cut, array.shape)))
