"""The suite on SciPy's sparse arrays, in COO, which has any number of axes."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
pytest.importorskip("scipy.sparse")


TestScipy = suite.suite_for("scipy.sparse", *suite.EXACT)
