"""The suite on NumPy: what is registered for it, with and without Numba, arrays that are read-only, and the standard functions.

`TestNumpy` alone has the statistics. All other suites compare the slopes with the same reference bit for bit, on every library.
"""

import pytest

from multirrelu import agnostic

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


TestNumpy = suite.suite_for("numpy")


class TestNumpyWithoutNumba(suite.suite_for("numpy", *suite.EXACT)):
    @pytest.fixture(autouse=True)
    def _without_numba(self, monkeypatch):
        monkeypatch.setattr("multirrelu_backends._kernel.kernels", lambda: None)
        monkeypatch.setattr("multirrelu_backends._kernel._kernel", lambda *_: None)
        monkeypatch.setattr("multirrelu_backends._kernel._line", lambda *_: None)


class TestNumpyReadOnly(suite.suite_for("numpy", *suite.EXACT)):
    lacks = dict.fromkeys(("writing", "aliasing"), "every array of this suite is read-only")

    def from_numpy(self, array):
        return self.read_only(super().from_numpy(array))


class TestNumpyReference(suite.suite_for("numpy", *suite.EXACT)):
    backend = agnostic.scale
