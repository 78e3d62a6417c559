"""The crew: every task once, by several threads; calls that are left, forks and exits; helpers that are busy or cannot be had."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("numba")

import numpy as np

import multirrelu
from multirrelu_backends import _crew
from multirrelu_backends._compile import Compiled

JOB = b"what a kernel is asked to do"
PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64)


def kernel(work: Callable[[bytes, int, int], object]) -> Compiled:
    """Return a kernel that calls a function of Python's, which it can from any thread."""
    call = PROTOTYPE(work)
    return Compiled(ctypes.cast(call, ctypes.c_void_p).value, call)


@pytest.fixture
def crew() -> _crew.Crew:
    """A crew without helpers."""
    return _crew.Crew()


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [1, 2, 7, 8, 1000])
def test_every_task_is_done_once(tasks, threads, crew):
    done = []
    work = kernel(lambda job, first, last: done.append((job, first, last)))
    for _ in range(3):
        done.clear()
        crew.share(work, JOB, tasks, threads)
        assert sorted(task for _, first, last in done for task in range(first, last)) == list(range(tasks))
        assert {job for job, *_ in done} == {JOB}
    assert crew.record[_crew.NUMBER] == threads - 1


def test_work_is_done_by_several_threads(crew):
    all_three, seen = threading.Barrier(3, timeout=30), set()

    def work(*_: object) -> None:
        if threading.get_native_id() not in seen:
            seen.add(threading.get_native_id())
            all_three.wait()  # passes only when two others work at the same time

    crew.share(kernel(work), JOB, 12, 3)
    assert len(seen) == 3


def test_who_finds_all_helpers_busy_works_alone(crew):
    busy, go_on, done = threading.Barrier(3, timeout=30), threading.Event(), []

    def slow(*_: object) -> None:
        if not go_on.is_set():
            busy.wait()
            go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(crew.share, kernel(slow), JOB, 8, 2)
        busy.wait()  # the other caller and the helper are in their call
        crew.share(kernel(lambda _, first, last: done.append((first, last, threading.get_native_id()))), JOB, 8, 2)
        go_on.set()
        other.result(30)
    assert len(done) == 8
    assert {thread for *_, thread in done} == {threading.get_native_id()}


def test_work_is_done_where_no_thread_can_be_started(crew):
    start = crew.record[_crew.START]
    none = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: -1)
    crew.record[_crew.START] = ctypes.cast(none, ctypes.c_void_p).value
    done = []
    for _ in range(2):
        crew.share(kernel(lambda _, first, last: done.extend(range(first, last))), JOB, 10, 3)
    assert sorted(done) == sorted([*range(10)] * 2)
    assert (crew.record[_crew.NUMBER], crew.record[_crew.FIRST]) == (0, 0)
    spare, crew.record[_crew.START] = crew.record[_crew.SPARE], start
    assert spare, "made once, and kept for a time when there are threads again"
    test_work_is_done_by_several_threads(crew)
    assert crew.record[_crew.NUMBER] == 2


def test_work_is_done_where_there_is_no_memory_for_a_helper(crew):
    none = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(lambda _: None)
    crew.record[_crew.MEMORY] = ctypes.cast(none, ctypes.c_void_p).value
    done = []
    crew.share(kernel(lambda _, first, last: done.extend(range(first, last))), JOB, 10, 3)
    assert sorted(done) == list(range(10))


def test_many_callers_at_once():
    x = np.random.default_rng(0).standard_normal(1 << 19).astype(np.float32)
    want = multirrelu.rrelu(x, training=True, rng=3)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: multirrelu.rrelu(x, training=True, rng=3), range(64)):
            assert np.array_equal(got, want)


def test_many_callers_of_many_threads(crew):
    counts = np.zeros(8, dtype=np.int64)

    def call(caller: int) -> None:
        def work(_: bytes, first: int, last: int) -> None:
            counts[caller] += last - first  # with the GIL

        for _ in range(50):
            crew.share(kernel(work), JOB, 12, 4)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(8)))
    assert counts.tolist() == [600] * 8


def run(code: str, *arguments: str) -> str:
    """Return what a fresh Python prints."""
    command = [sys.executable, *(["-c", textwrap.dedent(code)] if "\n" in code else [code]), *arguments]
    # Not measured: what strikes inside of the tracer would leave it with its own lock held.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers of signals")
def test_a_call_that_is_left_at_random_times_writes_no_more():
    assert run(str(Path(__file__).with_name("interrupted.py")), "numpy", "at-random-times", "400") == "400"


def test_a_call_that_is_left_at_each_opcode_writes_no_more():
    assert int(run(str(Path(__file__).with_name("interrupted.py")), "numpy", "at-each-opcode", "100")) > 100


SETUP = """
import atexit, os, sys, threading, time, warnings
import numpy as np, multirrelu
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of a fork in a process with threads
x = np.random.default_rng(0).standard_normal(1 << 19).astype(np.float32)
want = multirrelu.rrelu(x, training=True, rng=3)
def same():
    return np.array_equal(multirrelu.rrelu(x, training=True, rng=3), want)
def for_ever():
    while True:
        multirrelu.rrelu(x, training=True, rng=3)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_in_the_middle_of_other_calls():
    run(
        SETUP
        + """
for _ in range(2):
    threading.Thread(target=for_ever, daemon=True).start()
for _ in range(20):
    child = os.fork()
    right = same()
    if child == 0:
        grandchild = os.fork()
        right = right and same()
        if grandchild == 0:
            os._exit(not right)
        os._exit(not right or os.waitpid(grandchild, 0)[1] != 0)
    assert right and os.waitpid(child, 0)[1] == 0
"""
    )


def test_the_process_ends_with_helpers_waiting_and_calls_running_and_with_a_last_call():
    printed = run(
        SETUP
        + """
for _ in range(2):
    threading.Thread(target=for_ever, daemon=True).start()
atexit.register(lambda: print(same(), flush=True))
time.sleep(0.02)
"""
    )
    assert printed == "True"
