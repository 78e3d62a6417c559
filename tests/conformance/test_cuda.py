"""The suite on CuPy without a GPU: CuPy composes, compiles and launches, and the host runs what it launches."""

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

import host_cuda  # noqa: E402
import numpy as np  # noqa: E402
from cases import dtype_of  # noqa: E402
from host_cuda import nothing_undefined  # noqa: E402, F401

cupy = host_cuda.install()


class Random:
    """In the place of cuRAND's global generator, which draws on a device: NumPy's, whose numbers lie in CuPy's arrays."""

    def __init__(self):
        self.rng = np.random.default_rng()

    def randint(self, *arguments, **options):
        return cupy.asarray(self.rng.integers(*arguments, **options))

    def seed(self, seed):
        self.rng = np.random.default_rng(seed)


@pytest.fixture
def curand(monkeypatch):
    state = Random()
    monkeypatch.setattr(cupy.random, "get_random_state", lambda: state)
    monkeypatch.setattr(cupy.random, "seed", state.seed)


@pytest.mark.usefixtures("nothing_undefined", "curand")
class TestCupyOnTheHost(suite.suite_for("cupy", *suite.EXACT)):
    lacks = {"generator": "cuRAND draws on a device"}  # noqa: RUF012
    sizes = (*range(18), 31, 64, 65, 130)

    def array(self, host, dtype):
        return cupy.asarray(np.asarray(host).astype(dtype_of(dtype)))

    def host(self, array):
        host = array.get()
        return host.astype("float32") if host.dtype == dtype_of("bfloat16") else host
