"""The suite on PyTorch through the standard functions."""

import pytest

from multirrelu import agnostic

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


class TestTorchThroughTheCore(suite.Suite):
    namespace = "torch"
    scale = agnostic.scale
