"""The suite on CuPy, which needs a GPU."""

import pytest

import gpus

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
if gpus.cupy():
    pytest.skip(gpus.cupy(), allow_module_level=True)


TestCupy = suite.suite_for("cupy")
