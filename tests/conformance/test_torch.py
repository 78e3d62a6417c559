"""The suite on PyTorch through the standard functions."""

from multirrelu import agnostic
from multirrelu_conformance import Suite


class TestTorchThroughTheCore(Suite):
    namespace = "torch"
    scale = agnostic.scale
