"""The suite on JAX's arrays of a GPU, which are made there wherever JAX finds one: eager, and compiled."""

import pytest

import gpus

if gpus.jax():
    pytest.skip(gpus.jax(), allow_module_level=True)

from conformance.test_jax import TestJax, TestJaxCompiled, TestJaxNarrow

__all__ = ["TestJax", "TestJaxCompiled", "TestJaxNarrow"]
