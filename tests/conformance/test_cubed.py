"""The suite on cubed, whose arrays are cut along their last two axes."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
cubed = pytest.importorskip("cubed")


class TestCubed(suite.suite_for("cubed", *suite.EXACT)):
    lacks = {"shifts": "words would be plans of hundreds of operations, which no path of the backend takes"}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _at_once(self):
        """Blocks one after the other: each is too small for a thread of its own."""
        with cubed.config.set({"spec.executor_name": "single-threaded"}):
            yield

    def from_numpy(self, array):
        if array.ndim == 0 or array.size == 0:
            return cubed.asarray(array.copy())
        sizes = (*array.shape[:-2], *(max(1, length * 3 // 5) for length in array.shape[-2:]))
        return cubed.from_array(array.copy(), chunks=sizes)
