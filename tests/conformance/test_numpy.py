"""The suite on NumPy: what is registered for it, and the standard functions."""

import pytest

from multirrelu import agnostic

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


class TestNumpy(suite.Suite):
    namespace = "numpy"


class TestNumpyReference(suite.Suite):
    namespace = "numpy"
    scale = agnostic.scale
