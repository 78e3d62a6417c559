"""The suite on MLX: eager arrays."""

import pytest

pytest.importorskip("mlx.core")
suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


TestMlx = suite.suite_for("mlx.core", *suite.EXACT)
