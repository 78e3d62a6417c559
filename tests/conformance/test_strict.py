"""The suite on array-api-strict, which has the standard's functions and no others."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


TestStrict = suite.suite_for("array_api_strict", *suite.EXACT)
