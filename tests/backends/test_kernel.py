"""Running the compiled kernel: where there is none, where it cannot be kept on disk, and how its work is shared."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

np = pytest.importorskip("numpy")

from cases import assert_same_bits, expected  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu import Slopes  # noqa: E402
from multirrelu_backends import _kernel  # noqa: E402
from multirrelu_backends import numpy as library  # noqa: E402
from multirrelu_backends.numpy import describe, scale  # noqa: E402

X = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
SLOPES = Slopes(0.1, 0.3, 7)


@pytest.fixture
def fresh():
    """Ask for the kernels anew, before and after."""

    def forget():
        for function in (_kernel.kernels, _kernel._kernel, _kernel._line):
            function.cache_clear()
        library._ready.clear()

    forget()
    yield
    forget()


def test_without_numba_blocks_serve(fresh, monkeypatch):
    monkeypatch.setattr(_kernel, "find_spec", lambda name: None)
    assert _kernel.kernels() is None
    assert_same_bits(scale(X, X, SLOPES), expected(X, X, SLOPES), "")


def test_a_broken_numba_is_named_and_blocks_serve(fresh, monkeypatch):
    monkeypatch.setattr(_kernel, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "numba", None)  # there, but not to be imported
    with pytest.warns(RuntimeWarning, match="Numba failed to import, using NumPy in blocks instead: .*numba"):
        got = scale(X, X, SLOPES)
    assert_same_bits(got, expected(X, X, SLOPES), "")
    assert_same_bits(scale(X, X, SLOPES), expected(X, X, SLOPES), "the second call, without another warning")


def test_a_kind_that_the_processor_lacks_goes_through_blocks(fresh, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delitem(_kernel.kernels().KINDS, "float16")
    x = X.astype(np.float16)
    assert_same_bits(scale(x, x, SLOPES), expected(x, x, SLOPES), "")


@pytest.mark.parametrize(
    ("triple", "features", "converts"),
    [
        ("x86_64-unknown-linux-gnu", "+avx2,+f16c,-avx512f", True),
        ("x86_64-unknown-linux-gnu", "+sse4.2,-f16c", False),
        ("aarch64-unknown-linux-gnu", "+neon", True),
        ("arm64-apple-darwin24.0.0", "", True),
        ("powerpc64le-unknown-linux-gnu", "", False),
    ],
)
def test_which_processors_convert_half_precision(triple, features, converts):
    pytest.importorskip("numba")
    assert _kernel.kernels().converts_half(triple, features) is converts


def test_the_report_names_the_dtypes_that_the_processor_does_not_convert(monkeypatch):
    pytest.importorskip("numba")
    assert "float" not in describe().removeprefix("the fused kernel")
    monkeypatch.delitem(_kernel.kernels().KINDS, "float16")
    assert describe().endswith("threads; not for float16, which this processor does not convert")


def test_large_work_is_shared_and_small_is_not(monkeypatch):
    pytest.importorskip("numba")
    shared = []
    monkeypatch.setattr(_kernel, "get_num_threads", lambda: 3)
    crew = SimpleNamespace(share=lambda kernel, job, tasks, threads: (shared.append(threads), kernel.call(job, 0, tasks)))
    monkeypatch.setattr(_kernel, "_crew", lambda: crew)
    for size in (1000, _kernel.THREADED - 1, _kernel.THREADED, 8 * _kernel.THREADED):
        x = np.ones(size, dtype=np.float32)
        scale(x, x, SLOPES)
    assert shared == [2, 3]


def run(code: str) -> str:
    """Return what a fresh Python prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_numbas_own_switch_turns_the_kernel_off(fresh, monkeypatch):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert _kernel.kernels() is None
    assert_same_bits(scale(X, X, SLOPES), expected(X, X, SLOPES), "")


def test_a_kernel_that_numba_cannot_compile_is_named_and_blocks_serve(fresh, monkeypatch):
    pytest.importorskip("numba")

    def fails(name: str, kind: str) -> None:
        raise TypeError("no such type")

    monkeypatch.setattr(_kernel.kernels(), "compile_kernel", fails)
    with pytest.warns(
        RuntimeWarning, match=r"Numba failed to compile the kernel of float32, using NumPy in blocks instead: TypeError: no such"
    ):
        got = scale(X, X, SLOPES)
    assert_same_bits(got, expected(X, X, SLOPES), "")
    assert_same_bits(scale(X, X, SLOPES), expected(X, X, SLOPES), "the second call, without another warning")


def test_a_call_for_which_memory_is_wanting_fails_before_a_key_is_drawn_and_the_next_does_not(fresh, monkeypatch):
    native = pytest.importorskip("numba") and _kernel.kernels()

    def fails(*_: object) -> None:
        raise MemoryError("for the compiler")

    rng, x = np.random.default_rng(0), X.copy()
    state = rng.bit_generator.state
    with monkeypatch.context() as patch:
        patch.setattr(native, "compile_kernel", fails)
        with pytest.raises(MemoryError, match="for the compiler"):
            multirrelu.rrelu(x, training=True, rng=rng, inplace=True)
    assert rng.bit_generator.state == state
    assert np.array_equal(x, X)
    multirrelu.rrelu(x, training=True, rng=rng, inplace=True)
    assert np.array_equal(x, multirrelu.rrelu(X, training=True, rng=np.random.default_rng(0)))


def test_an_import_for_which_files_are_wanting_fails_and_the_next_does_not(fresh, monkeypatch):
    pytest.importorskip("numba")

    class NoFiles:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "multirrelu_backends._native":
                raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "multirrelu_backends._native", raising=False)
        patch.delattr("multirrelu_backends._native", raising=False)
        patch.setattr(sys, "meta_path", [NoFiles(), *sys.meta_path])
        with pytest.raises(OSError, match="Too many open files"):
            scale(X, X, SLOPES)
    assert _kernel.kernels() is not None


def test_numba_is_not_imported_before_it_is_needed():
    printed = run("""
        import sys, numpy, multirrelu
        multirrelu.backend_for(numpy.ones(1))
        print("numba" in sys.modules)
    """)
    assert printed == "False"
