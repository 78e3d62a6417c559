"""Limits of threads: for the process, for a thread or task, and what the system allows."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from multirrelu_backends import threads
from multirrelu_backends.threads import get_num_threads, num_threads, set_num_threads


@pytest.fixture(autouse=True)
def no_limit():
    yield
    set_num_threads(None)


def test_limits(monkeypatch):
    monkeypatch.setattr(threads, "_available", lambda: 8)
    assert get_num_threads() == 8
    set_num_threads(4)
    assert get_num_threads() == 4
    with num_threads(2):
        assert get_num_threads() == 2
        with num_threads(3):
            assert get_num_threads() == 3
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(get_num_threads).result() == 4, "the limit is this thread's alone"
    assert get_num_threads() == 4
    set_num_threads(100)
    assert get_num_threads() == 8, "the affinity is a bound"
    set_num_threads(None)
    assert get_num_threads() == 8


@pytest.mark.parametrize(("number", "error", "message"), [(0, ValueError, "at least 1, got 0"), (1.5, TypeError, "got 1.5 of type float")])
def test_wrong_limits(number, error, message):
    with pytest.raises(error, match=message):
        set_num_threads(number)
    with pytest.raises(error, match=message), num_threads(number):
        pass


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_the_affinity_is_that_of_the_moment():
    whole = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(whole)})
        assert get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, whole)
    assert get_num_threads() == len(whole)


class Kernel32:
    """Windows' own library, as far as it is asked; `mask` is None where the call fails."""

    def __init__(self, mask):
        self.mask = mask

    def GetProcessAffinityMask(self, process, mask, of_the_system):  # noqa: N802 - Windows' name
        assert process.value == ctypes.c_void_p(-1).value
        mask._obj.value = self.mask or 0
        of_the_system._obj.value = 0xFF
        return int(self.mask is not None)


@pytest.mark.parametrize(
    ("mask", "processors", "available"),
    [(0b1010_0101, 8, 4), (0, 8, 8), (None, 8, 8), (0b11, 128, 128), ("no Windows", 8, 8), ("no Windows", None, 1)],
    ids=["affinity", "several_groups", "failed", "more_than_a_mask_holds", "macOS", "unknown"],
)
def test_where_python_knows_no_affinity(monkeypatch, mask, processors, available):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    if mask == "no Windows":
        monkeypatch.delattr(ctypes, "windll", raising=False)
    else:
        monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=Kernel32(mask)), raising=False)
    assert get_num_threads() == available
