"""What a child process goes through, for some seconds, until something is wrong: threads, forks, and signals whose handlers raise."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

import multirrelu
from multirrelu_backends.threads import num_threads
from soak.problems import Problem, problems, seal, untouched

PATIENCE = 60  # seconds for a call to come back


class InterruptError(Exception):
    """What a signal handler raises that is not Ctrl-C's."""


class Company:
    """Threads that ask at once, for as long as the scenario lasts, each for results that it compares."""

    def __init__(self, asked: list[Problem], number: int, seed: int) -> None:
        self.calls, self.errors, self.over = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(asked, (seed, one)), daemon=True) for one in range(number)]

    def _ask(self, asked: list[Problem], seed: tuple[int, int]) -> None:
        rng = np.random.default_rng(seed)
        try:
            while not self.over.is_set():
                with num_threads(int(rng.integers(1, 5))):
                    asked[int(rng.integers(len(asked)))].ask(rng)
                self.calls += 1
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.errors.append(error)

    def check(self) -> None:
        """Raise what a thread has raised."""
        if self.errors:
            raise self.errors[0]

    @contextmanager
    def running(self) -> Iterator[Company]:
        """Let the threads ask inside, and see that each of them ends."""
        for thread in self.threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a thread hangs in its call"
        self.check()


def threads(library: str, seconds: float, seed: int) -> dict[str, int]:
    """Eight threads ask at once."""
    asked, started = problems(library, np.random.default_rng(seed)), time.monotonic()
    with Company(asked, 8, seed).running() as company:
        while time.monotonic() - started < seconds and not company.errors:
            time.sleep(0.05)
    return {"calls": company.calls}


def forks(library: str, seconds: float, seed: int) -> dict[str, int]:
    """Threads ask, from the first call of the process on, while it forks; each child asks as well, and some of their children."""
    rng, children = np.random.default_rng(seed), 0
    asked, started = problems(library, rng), time.monotonic()
    with Company(asked, 2, seed).running() as company:
        while time.monotonic() - started < seconds:
            time.sleep(float(rng.choice((0, 0.001, 0.03)) * rng.random()))
            _fork(asked, int(rng.integers(2**32)), deeper=rng.random() < 0.2)
            company.check()
            children += 1
    return {"calls": company.calls, "children": children}


def _fork(asked: list[Problem], seed: int, *, deeper: bool) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = _in_child(asked, seed, deeper=deeper)
        except BaseException:  # noqa: BLE001 - a child must not go on as if it were the parent
            traceback.print_exc()
        os._exit(status)
    for _ in range(PATIENCE * 100):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, f"a forked child ended with {os.waitstatus_to_exitcode(status)}"
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGABRT)  # for its traceback, by faulthandler
    os.waitpid(child, 0)
    raise AssertionError("a forked child hangs in its call")


def _in_child(asked: list[Problem], seed: int, *, deeper: bool) -> int:
    rng = np.random.default_rng(seed)
    for problem in rng.permutation(np.array(asked, dtype=object))[:3]:
        problem.ask(rng)
    if deeper:
        _fork(asked, seed + 1, deeper=False)
    return 0


def signals(library: str, seconds: float, seed: int) -> dict[str, int]:
    """Calls are left at random times by what signal handlers raise, once or several times in a row, while another thread asks."""
    rng, alarm, calls, left = np.random.default_rng(seed), Alarm(), 0, 0
    asked = problems(library, rng)
    longest, started = _time_of(asked[-2]), time.monotonic()
    with Company(asked[:3], 1, seed).running() as company, alarm.handled():
        while time.monotonic() - started < seconds:
            company.check()
            problem = asked[int(rng.integers(1, len(asked)))]
            left += _interrupted(problem, rng, alarm, 2 * longest)
            problem.ask(rng)
            calls += 2
    return {"calls": calls + company.calls, "exceptions": alarm.raised, "calls left": left}


def first(library: str, seconds: float, seed: int) -> dict[str, int]:
    """The first call of a process, which loads and compiles, is left by a handler's exception, and the kernel serves the second."""
    rng, alarm = np.random.default_rng(seed), Alarm()
    problem = Problem(library, 1 << 17, seed)
    with alarm.handled():
        left = _interrupted(problem, rng, alarm, min(seconds, 1.5))
    problem.ask(rng)
    path = multirrelu.backend_for(problem.x).describe()
    assert path.startswith("the fused kernel"), f"after an exception in the first call: {path}"
    return {"calls": 2, "exceptions": alarm.raised, "calls left": left}


def _time_of(problem: Problem) -> float:
    problem.call()
    started = time.monotonic()
    problem.call()
    return time.monotonic() - started


def _interrupted(problem: Problem, rng: np.random.Generator, alarm: Alarm, longest: float) -> bool:
    """Call until a handler raises, or to the end; what was given to a call that was left stays as it was left."""
    x, out = problem.made(problem.host), problem.made(np.empty_like(problem.host))
    options: dict[str, Any] = [{"out": out}, {"inplace": True}, {}][int(rng.integers(3))]
    before = alarm.raised
    alarm.arm(float(rng.uniform(1e-5, longest)), int(rng.integers(1, 4)))
    try:
        result = problem.call(x, **options)
    except BaseException as error:
        alarm.arm(0, 0)
        if not of_the_alarm(error):
            raise
        seal(x)
        seal(out)
        time.sleep(float(rng.choice((0, 0.001, 0.02))))
        untouched(x)
        untouched(out)
        return True
    alarm.arm(0, 0)
    assert alarm.raised == before, "the exception of a handler was swallowed"
    problem.compare(result)
    return False


def of_the_alarm(error: BaseException | None) -> bool:
    """Whether an exception is what the handler raised, or what a library has made of that."""
    while error is not None and not isinstance(error, KeyboardInterrupt | InterruptError):
        error = error.__cause__ or error.__context__
    return error is not None


class Alarm:
    """A timer whose handler raises as often as it is told, within `Problem.call` alone, so that no other line needs to expect it."""

    def __init__(self) -> None:
        self.times = self.raised = 0

    def arm(self, seconds: float, times: int) -> None:
        """Go off after so many seconds, and again and again soon after; or not at all."""
        self.times = times
        signal.setitimer(signal.ITIMER_REAL, seconds, 2e-4 if times else 0)

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the timer's signal inside."""
        before, sys.unraisablehook = signal.signal(signal.SIGALRM, self._handle), self._ignore
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            sys.unraisablehook = sys.__unraisablehook__

    def _handle(self, number: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code is not Problem.call.__code__:
            frame = frame.f_back
        if frame is not None and self.times > 0:
            self.times -= 1
            self.raised += 1
            raise KeyboardInterrupt if self.times % 2 else InterruptError

    def _ignore(self, ignored: Any) -> None:
        """Count what Python itself drops, in destructors and in the callbacks of C libraries, as never raised."""
        if of_the_alarm(ignored.exc_value):
            self.raised -= 1
        else:
            sys.__unraisablehook__(ignored)


def calls(library: str, seconds: float, seed: int) -> dict[str, int]:
    """Some calls of a process that has just begun."""
    rng = np.random.default_rng(seed)
    for problem in (asked := problems(library, rng)):
        problem.ask(rng)
    return {"calls": len(asked)}


def calls_on_a_full_disk(library: str, seconds: float, seed: int) -> dict[str, int]:
    """The same where no file can be longer than a page."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    return calls(library, seconds, seed)


SCENARIOS: dict[str, Callable[[str, float, int], dict[str, int]]] = {
    "threads": threads,
    "forks": forks,
    "signals": signals,
    "first": first,
    "calls": calls,
    "calls on a full disk": calls_on_a_full_disk,
}
