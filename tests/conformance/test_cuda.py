"""The suite on the CUDA kernels without a GPU: what is launched for CuPy's arrays, run by the host on NumPy's."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

import host_cuda  # noqa: E402
from cases import dtype_of  # noqa: E402


class TestCudaOnTheHost(suite.Suite):
    namespace = "numpy"
    scale = host_cuda.scale
    lacks = {"bfloat16": None}  # noqa: RUF012
    samples = 1 << 18
    sizes = (*range(18), 31, 64, 65, 130)

    def dtype(self, name):
        return dtype_of(name)
