"""Threads: every part of the work once, limits that hold, many callers at once, and a fork in between."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from multirrelu_backends import threads
from multirrelu_backends.threads import get_num_threads, num_threads, set_num_threads, share


@pytest.fixture(autouse=True)
def no_limit():
    yield
    set_num_threads(None)


@pytest.mark.parametrize("number", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [1, 2, 7, 8, 1000])
def test_every_task_is_done_once(tasks, number):
    done = []
    share(lambda first, last: done.extend(range(first, last)), tasks, number)
    assert sorted(done) == list(range(tasks))


def test_work_is_done_by_several_threads():
    both = threading.Barrier(2, timeout=30)
    seen = set()

    def work(first: int, last: int) -> None:
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            both.wait()  # passes only when a second thread works at the same time

    share(work, 8, 2)
    assert len(seen) == 2


def test_an_error_in_any_thread_reaches_the_caller():
    both = threading.Barrier(2, timeout=30)
    caller = threading.get_ident()

    def work(first: int, last: int) -> None:
        if not both.broken and both.n_waiting < 2 and first < 2:
            both.wait()
        if threading.get_ident() != caller:
            raise RuntimeError("in a helper")

    with pytest.raises(RuntimeError, match="in a helper"):
        share(work, 8, 2)


def test_work_is_done_where_no_thread_can_be_started(monkeypatch):
    class Closed:
        def submit(self, work: object) -> None:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(threads, "_workers", Closed)
    done = []
    share(lambda first, last: done.extend(range(first, last)), 10, 4)
    assert sorted(done) == list(range(10))


def test_a_helper_that_was_queued_but_not_reported_is_waited_for(monkeypatch):
    begun, done = threading.Event(), []

    class Odd:
        def submit(self, work: object) -> None:
            threading.Thread(target=work).start()
            begun.wait(30)
            raise RuntimeError("can't start new thread")

    def work(first: int, last: int) -> None:
        begun.set()
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.2)
        done.extend(range(first, last))

    monkeypatch.setattr(threads, "_workers", Odd)
    share(work, 8, 2)
    assert sorted(done) == list(range(8))


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


def test_many_callers_at_once():
    np = pytest.importorskip("numpy")
    pytest.importorskip("numba")
    import multirrelu

    x = np.random.default_rng(0).standard_normal(1 << 19).astype(np.float32)
    want = multirrelu.rrelu(x, training=True, rng=3)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: multirrelu.rrelu(x, training=True, rng=3), range(32)):
            assert np.array_equal(got, want)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork():
    pytest.importorskip("numba")
    code = """
        import os, sys, warnings
        import numpy as np, multirrelu
        from multirrelu_backends.threads import set_num_threads
        x = np.random.default_rng(0).standard_normal(1 << 19).astype(np.float32)
        want = multirrelu.rrelu(x, training=True, rng=3)
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of a fork in a process with threads
        child = os.fork()
        same = np.array_equal(multirrelu.rrelu(x, training=True, rng=3), want)
        if child == 0:
            os._exit(0 if same else 1)
        sys.exit(not same or os.waitpid(child, 0)[1])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
