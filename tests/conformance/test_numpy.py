"""The suite on NumPy: what is registered for it, and the standard functions."""

from multirrelu import agnostic
from multirrelu_conformance import Suite


class TestNumpy(Suite):
    namespace = "numpy"


class TestNumpyReference(Suite):
    namespace = "numpy"
    scale = agnostic.scale
