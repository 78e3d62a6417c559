"""Large calls of the main thread run on the OpenMP threads of PyTorch, with the same bits, and elsewhere on the helpers."""

from __future__ import annotations

import os
import sys
import threading
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")
pytest.importorskip("numba")

from multirrelu import rrelu  # noqa: E402
from multirrelu_backends import _openmp  # noqa: E402
from multirrelu_backends.threads import num_threads  # noqa: E402

LARGE = (1 << 20) + 3
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other OpenMP libraries")


@pytest.fixture(autouse=True)
def unknown(monkeypatch):
    monkeypatch.setattr(_openmp, "_found", None)


def drawn(x):
    return rrelu(x, training=True, rng=5).tobytes()


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@linux
def test_the_main_thread_alone_uses_it():
    assert _openmp.parallel() > 0
    assert in_a_thread(_openmp.parallel) == 0
    assert _openmp.parallel() > 0


@pytest.mark.parametrize("elements", [1 << 17, 1 << 18, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_are_those_of_the_helpers(monkeypatch, elements, dtype):
    x = np.linspace(-2, 1, elements, dtype=dtype)
    torch.add(torch.ones(LARGE), 1)
    by_team = drawn(x)
    monkeypatch.setattr(_openmp, "_found", 0)
    assert drawn(x) == by_team == in_a_thread(lambda: drawn(x))


@linux
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_a_team_of_any_size_does_the_whole_call(threads):
    x = np.linspace(-2, 1, LARGE, dtype=np.float32)
    with num_threads(1):
        expected = drawn(x)
    with num_threads(threads):
        assert drawn(x) == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_of_a_fork_uses_the_helpers():
    x = np.linspace(-2, 1, LARGE, dtype=np.float32)
    torch.add(torch.ones(LARGE), 1)
    expected = drawn(x)
    if (child := os.fork()) == 0:
        os._exit(0 if _openmp.parallel() == 0 and drawn(x) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


@linux
def test_without_a_thread_to_start_it_is_not_used(monkeypatch):
    def fail(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_openmp, "start_new_thread", fail)
    assert _openmp.parallel() == 0


@pytest.mark.parametrize(("initializing", "found"), [(True, None), (False, 0)])
def test_a_library_that_is_not_there(monkeypatch, tmp_path, initializing, found):
    spec = SimpleNamespace(_initializing=initializing)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__spec__=spec, __file__=str(tmp_path / "__init__.py")))
    assert _openmp.parallel() == 0
    assert _openmp._found == found  # a module that is being imported is asked again


def test_before_pytorch_is_imported_it_is_unknown(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    assert _openmp.parallel() == 0
    assert _openmp._found is None
