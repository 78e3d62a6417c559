"""The suite on JAX's arrays of a GPU."""

import pytest

import gpus

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
if gpus.jax():
    pytest.skip(gpus.jax(), allow_module_level=True)


class TestJaxGpu(suite.Suite):
    namespace = "jax.numpy"
    sizes = (*range(9), 31, 64, 65, 130)

    @property
    def device(self):
        import jax

        return jax.devices("gpu")[0]
