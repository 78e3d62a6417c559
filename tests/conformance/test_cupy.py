"""The suite on CuPy, which needs a GPU."""

import sys

import pytest

import gpus

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
if gpus.cupy():
    pytest.skip(gpus.cupy(), allow_module_level=True)


class TestCupy(suite.Suite):
    namespace = "cupy"
    lacks = {} if "ml_dtypes" in sys.modules else {"bfloat16": "ml_dtypes is not installed"}
