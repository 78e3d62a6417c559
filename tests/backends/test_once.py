"""What is loaded and compiled once: kept when it is made, made anew when it fails, and never left half-way by what strikes the caller."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings

import pytest

from multirrelu_backends import _once
from multirrelu_backends._once import is_passing, note, once


def test_what_is_returned_is_kept_for_each_arguments():
    made = []

    @once
    def make(*arguments):
        """Make."""
        made.append(arguments)
        return None if arguments == (3,) else arguments

    assert [make(1), make(2), make(1), make(3), make(3), make()] == [(1,), (2,), (1,), None, None, ()]
    assert made == [(1,), (2,), (3,), ()]
    assert make.__doc__ == "Make."
    make.cache_clear()
    assert make(1) == (1,)
    assert len(made) == 5


def test_what_is_raised_comes_out_and_is_not_kept():
    results = iter([ValueError("first"), KeyboardInterrupt(), "third"])

    @once
    def make():
        result = next(results)
        if isinstance(result, BaseException):
            raise result
        return result

    with pytest.raises(ValueError, match="first"):
        make()
    with pytest.raises(KeyboardInterrupt):
        make()
    assert make() == "third"


def test_many_callers_make_once():
    made = []

    @once
    def make():
        made.append(1)
        time.sleep(0.05)
        return len(made)

    results = []
    callers = [threading.Thread(target=lambda: results.append(make())) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [1] * 8


def test_one_may_need_another():
    inner = once(lambda x: x + 1)
    assert once(lambda x: 2 * inner(x))(3) == 8


def test_where_there_are_no_threads_the_caller_does_it(monkeypatch):
    def none(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_once.Thread, "start", none)
    assert once(threading.get_ident)() == threading.get_ident()


def test_notes_are_warnings_in_the_callers_thread():
    @once
    def make():
        note("this is slow")
        return 1

    with pytest.warns(RuntimeWarning, match=r"^multirrelu: this is slow$"):
        assert make() == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make() == 1
        make.cache_clear()
        with pytest.raises(RuntimeWarning, match="this is slow"):
            make()
        assert make() == 1, "where warnings are errors it was made all the same"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers of signals")
@pytest.mark.parametrize("kind", [TimeoutError, KeyboardInterrupt])
def test_what_a_signal_handler_raises_comes_out_at_once_and_the_work_goes_on(kind):
    made, go_on = [], threading.Event()

    @once
    def make():
        go_on.wait(30)
        made.append(1)
        return "made"

    def strike(*_: object) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, strike)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(kind):
            make()
        assert not made
        go_on.set()
        assert make() == "made"
        assert made == [1]
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers of signals")
def test_a_signal_handler_may_ask_for_what_is_being_made():
    made, asked = [], []

    @once
    def make():
        time.sleep(0.1)
        made.append(1)
        return "made"

    before = signal.signal(signal.SIGALRM, lambda *_: asked.append(make()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert make() == "made"
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (made, asked) == ([1], ["made"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_waits_for_what_another_thread_makes():
    begun = threading.Event()

    @once
    def make():
        begun.set()
        time.sleep(0.2)
        return "made"

    threading.Thread(target=make).start()
    begun.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(make() != "made")
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (MemoryError(), True),
        (OSError(24, "Too many open files"), True),
        (OSError("Could not load shared object file: libllvmlite.so"), False),
        (ImportError("Numba needs NumPy 2.2 or less"), False),
    ],
    ids=repr,
)
def test_errors_that_may_not_come_again(error, passing):
    assert is_passing(error) is passing
