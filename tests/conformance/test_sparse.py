"""The suite on PyData's sparse arrays, in COO and in GCXS."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
pytest.importorskip("sparse")


TestCoo = suite.suite_for("sparse", *suite.EXACT)


class TestGcxs(suite.suite_for("sparse", suite.Agreement)):
    lacks = {"float16": "sparse has float16 in COO and DOK alone"}  # noqa: RUF012

    def from_numpy(self, array):
        return super().from_numpy(array).asformat("gcxs")
