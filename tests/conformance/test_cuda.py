"""The suite on the CUDA kernels without a GPU: what is launched for CuPy's arrays, run by the host on NumPy's."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

import host_cuda  # noqa: E402


class TestCudaOnTheHost(suite.Suite):
    namespace = "numpy"
    scale = host_cuda.scale
    samples = 1 << 18
    sizes = (*range(18), 31, 64, 65, 130)
