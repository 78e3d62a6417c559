"""Compiling with a cache on disk: kept and found again; whatever is wrong with the cache, one warning, and the function is compiled."""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

numba = pytest.importorskip("numba")

from numba.core import types  # noqa: E402
from numba.core.caching import FunctionCache  # noqa: E402

from multirrelu._once import once  # noqa: E402
from multirrelu_backends import _compile  # noqa: E402
from multirrelu_backends._compile import compiled  # noqa: E402

SIGNATURE, PROTOTYPE = types.int64(types.int64), ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def triple(x):
    return 3 * x


def result() -> int:
    """Compile, or load from disk, and call."""
    return once(lambda: compiled(triple, SIGNATURE, PROTOTYPE).call(7))()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder for Numba's cache, in a process that has not warned yet."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_compile, "_warned", False)
    return tmp_path


def files(folder: Path, ending: str) -> list[Path]:
    return sorted(folder.glob(f"*/*{ending}"))


def test_what_is_compiled_is_found_again(folder, monkeypatch):
    assert result() == 21
    assert [len(files(folder, ending)) for ending in (".nbi", ".nbc", "")] == [1, 1, 2]
    monkeypatch.setattr("numba.core.ccallback.CFunc._compile_uncached", None)
    assert result() == 21


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def of_noise(file: Path) -> None:
    file.write_bytes(random.Random(0).randbytes(file.stat().st_size))


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def of_zeros(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [empty, cut, of_noise, of_zeros, a_folder])
def test_a_damaged_file_costs_one_warning(damage: Callable[[Path], None], ending, folder):
    assert result() == 21
    (file,) = files(folder, ending)
    damage(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [result(), result()] == [21, 21]
    (text,) = [str(warning.message) for warning in caught]
    assert text.startswith(f"multirrelu: Numba's cache in {file.parent} fails, so kernels are compiled anew in each process, ")
    assert "delete its files named _native* and _crew*, or set NUMBA_CACHE_DIR to another folder" in text


def test_a_folder_that_becomes_a_file_costs_one_warning(folder, monkeypatch):
    assert result() == 21
    cache = FunctionCache(triple)
    (where,) = folder.iterdir()
    for file in where.iterdir():
        file.unlink()
    where.rmdir()
    where.write_bytes(b"")
    monkeypatch.setattr(_compile, "FunctionCache", lambda _: cache)  # as where it becomes one now
    monkeypatch.setattr("numba.core.ccallback.FunctionCache", lambda _: cache)
    with pytest.warns(RuntimeWarning, match=rf"^multirrelu: Numba's cache in {where} fails, .*NotADirectoryError"):
        assert result() == 21


def test_another_place_that_numba_finds_does(folder, monkeypatch):
    (folder / "file").write_bytes(b"")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder / "file"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert result() == 21


def test_no_place_at_all_costs_one_warning(monkeypatch):
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    with pytest.warns(RuntimeWarning, match=r"^multirrelu: Numba finds no folder for its cache .*: set NUMBA_CACHE_DIR to one$"):
        assert result() == 21


def test_what_is_no_fault_of_the_cache_comes_out():
    def wrong(x):
        return x.nothing

    with pytest.raises(numba.TypingError, match="nothing"):
        compiled(wrong, SIGNATURE, PROTOTYPE)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("size", [0, 1000])
def test_on_a_full_disk_a_first_call_in_place_scales_all_elements_once(size, library, folder):
    pytest.importorskip("resource")
    pytest.importorskip(library)
    code = f"""
        import resource, warnings
        import numpy as np, {library} as library, multirrelu
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
        x = -np.ones(1 << 18, dtype=np.float32)
        given = x if library is np else library.from_numpy(x)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            multirrelu.rrelu(given, training=True, rng=42, inplace=True)
            multirrelu.rrelu(given, training=True, rng=43, inplace=True)
        print(len(caught), caught[0].message)
        y = multirrelu.rrelu(multirrelu.rrelu(-np.ones(1 << 18, dtype=np.float32), training=True, rng=42), training=True, rng=43)
        assert np.array_equal(x, y)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"1 multirrelu: Numba's cache in {folder}")
    assert "[Errno 27] File too large" in done.stdout
