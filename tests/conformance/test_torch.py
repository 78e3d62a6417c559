"""The suite on PyTorch through the standard functions."""

import pytest

from multirrelu import agnostic

torch = pytest.importorskip("torch")
suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Use one thread: on a busy machine, threads that spin until the others are ready take four times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TestTorchThroughTheCore(suite.Suite):
    namespace = "torch"
    scale = agnostic.scale


class TestTorch(suite.Suite):
    namespace = "torch"
