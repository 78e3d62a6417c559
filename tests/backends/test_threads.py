"""Limits of threads: for the process, for a thread or task, and what the system allows."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

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


def test_the_number_of_processors_serves_where_there_is_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert get_num_threads() == 1
