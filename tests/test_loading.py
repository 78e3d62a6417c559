"""Loading at the first call: what counts as a fault, what a signal's handler raises, and a fork in the middle of it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from multirrelu import backend_for
from multirrelu._loading import attempt

HERE = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class AccidentError(Exception):
    """What comes once."""


def failing(*errors):
    """Return a function that raises these errors in turn, and then returns."""
    left = list(errors)

    def load():
        if left and (error := left.pop(0)) is not None:
            raise error
        return "loaded"

    return load


def test_what_is_loaded():
    assert attempt(failing()) == ("loaded", None)


@pytest.mark.parametrize("error", [ValueError("a"), ImportError("b"), SystemExit(3), MemoryError()], ids=repr)
def test_a_fault_comes_each_time(error):
    assert attempt(failing(error, error)) == (None, error)


def test_a_fault_may_take_another_form_when_it_comes_again():
    """A package that was imported in part fails in another place, and an exception that a module defines is another class."""
    first = type("Own", (Exception,), {})()
    assert attempt(failing(first, KeyError("registered already"))) == (None, first)
    assert attempt(failing(first, type("Own", (Exception,), {})())) == (None, first)


@pytest.mark.parametrize("error", [AccidentError(), MemoryError(), SystemExit()], ids=repr)
def test_an_accident_comes_out(error):
    with pytest.raises(type(error)):
        attempt(failing(error))


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_what_is_no_error_comes_out_at_once(error):
    load = failing(error(), None)
    with pytest.raises(error):
        attempt(load)
    assert attempt(load) == ("loaded", None)


# Signals


class Handlers:
    """Handlers of several kinds, each of which raises."""

    def method(self, *_):
        raise AccidentError

    def __call__(self, *_):
        raise AccidentError


def function(*_):
    raise AccidentError


def indirect(*_):
    function()


@pytest.fixture(
    params=[function, indirect, Handlers().method, Handlers(), functools.partial(function), lambda *_: function()],
    ids=["function", "indirect", "method", "object", "partial", "lambda"],
)
def handled(request):
    """A handler for SIGALRM."""
    before = signal.signal(signal.SIGALRM, request.param)
    yield
    signal.signal(signal.SIGALRM, before)


needs_alarm = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no signal for it")


def signalled(times=1):
    """Return a function during which a signal comes."""

    def load():
        for _ in range(times):
            signal.raise_signal(signal.SIGALRM)
        return "loaded"

    return load


@needs_alarm
def test_what_a_handler_raises_comes_out_when_all_is_loaded(handled):
    """Most packages cannot be imported again after an import that was broken off."""
    ended = []
    with pytest.raises(AccidentError):
        attempt(lambda: ended.append(signalled()()))
    assert ended == ["loaded"]
    assert attempt(failing()) == ("loaded", None)


@needs_alarm
@pytest.mark.parametrize("times", [2, 3])
def test_a_second_signal_does_not_wait(handled, times):
    """An import may never end. It is not taken for a fault of what is loaded, though it comes at each attempt."""
    ended = []
    with pytest.raises(AccidentError):
        attempt(lambda: ended.append(signalled(times)()))
    assert ended == []


@needs_alarm
def test_what_a_handler_raises_comes_out_where_a_library_makes_another_error_of_it(handled):
    def load():
        try:
            return signalled(2)()
        except AccidentError as error:
            raise ImportError("broken") from error

    with pytest.raises(AccidentError):
        attempt(load)


@needs_alarm
def test_a_handler_that_raises_each_time_but_the_last_leaves_no_fault_behind(handled):
    calls = []

    def handler(*_):
        calls.append(1)
        if len(calls) < 3:
            raise AccidentError

    signal.signal(signal.SIGALRM, handler)
    with pytest.raises(AccidentError):
        attempt(signalled(2))
    assert len(calls) == 3


@needs_alarm
def test_a_fault_and_a_signal(handled):
    """The handler has the last word; the fault comes again at the next call."""

    def load():
        signalled()()
        raise ValueError("of its own")

    with pytest.raises(AccidentError):
        attempt(load)
    assert repr(attempt(failing(ValueError(), ValueError()))[1]) == "ValueError()"


@needs_alarm
def test_handlers_are_what_they_were(handled):
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    assert attempt(signalled(0)) == ("loaded", None)
    assert attempt(failing(ValueError(), ValueError()))[0] is None
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before


@needs_alarm
def test_a_handler_that_is_installed_by_what_is_loaded_stays(handled):
    attempt(lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN))
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN


@needs_alarm
def test_a_handler_that_does_not_raise_is_called(handled):
    called = []
    signal.signal(signal.SIGALRM, lambda number, frame: called.append(number))
    assert attempt(signalled(3)) == ("loaded", None)
    assert called == [signal.SIGALRM] * 3


@needs_alarm
def test_another_thread_leaves_handlers_alone(handled):
    found = []
    handler = signal.getsignal(signal.SIGALRM)
    thread = threading.Thread(target=lambda: found.append(attempt(lambda: signal.getsignal(signal.SIGALRM) is handler)))
    thread.start()
    thread.join()
    assert found == [(True, None)]


@needs_alarm
def test_control_c_during_the_first_call_on_numpy(np):
    """Numba cannot be imported again in a process where its import was broken off."""
    code = """
import os, signal, threading, numpy as np, multirrelu
x = -np.ones(3)
for _ in range(2):
    try:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        multirrelu.rrelu(x, training=True, rng=1)
        timer.join()
    except KeyboardInterrupt:
        pass
print(multirrelu.backend_for(x).describe())
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=HERE, timeout=300, check=False)
    assert (done.stdout.strip(), done.stderr) == (backend_for(np.ones(1)).describe(), "")


BACKEND = """
import time, sys
sys.stdout.write("i")
sys.stdout.flush()
time.sleep(0.5)
from multirrelu import Backend, agnostic
class Space: pass
backend = Backend(scale=lambda v, g, s, /, *, out=None: "served", namespace=Space)
"""
ARRAY = """
class Array:
    shape, dtype = (3,), "float32"
    def astype(self): ...
Array.__module__ = "somelib.core"
"""


@pytest.fixture
def run(tmp_path):
    """Run a program in which a backend of half a second is installed, and return what it prints."""
    info = tmp_path / "somebodys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[multirrelu.backends]\nsomelib = somebodys:backend\n", encoding="utf-8")
    (tmp_path / "somebodys.py").write_text(BACKEND, encoding="utf-8")

    def run(code):
        path = os.pathsep.join([str(tmp_path), HERE["PYTHONPATH"]])
        command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", ARRAY + textwrap.dedent(code)]
        done = subprocess.run(command, capture_output=True, text=True, env={**HERE, "PYTHONPATH": path}, timeout=100, check=False)
        assert done.stderr == ""
        return done.stdout.split()

    return run


@needs_alarm
def test_a_signal_during_the_first_call(run):
    """Neither swallowed, nor taken for a backend that fails to import, which would cost the fast path for ever."""
    said = run("""
        import signal, multirrelu
        def handler(*_): raise TimeoutError
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)  # while metadata is read, or the backend imported
        try:
            while True:
                multirrelu.rrelu(Array())
        except TimeoutError:
            print("-out")
        print(multirrelu.rrelu(Array()))
    """)
    assert "".join(said) in ("i-outserved", "-outiserved")  # it came during the import, or before


@needs_alarm
@pytest.mark.parametrize("delay", [0.05, 0.2, 0.5, 0.8, 1.0, 1.5])
def test_a_signal_during_the_first_call_on_numpy(np, delay):
    """Wherever it comes: while metadata is read, or NumPy's backend or Numba is imported, or a kernel compiled."""
    code = f"""
import signal, numpy as np, multirrelu
def handler(*_): raise TimeoutError
signal.signal(signal.SIGALRM, handler)
x = -np.ones(3)
try:
    signal.setitimer(signal.ITIMER_REAL, {delay})
    multirrelu.rrelu(x, training=True, rng=1)
except TimeoutError:
    pass
signal.setitimer(signal.ITIMER_REAL, 0)
multirrelu.rrelu(x, training=True, rng=1)
backend = multirrelu.backend_for(x)
print(backend.scale.__module__, backend.describe())
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=HERE, timeout=300, check=False)
    assert (done.stdout.strip(), done.stderr) == (f"multirrelu_backends.numpy {backend_for(np.ones(1)).describe()}", "")


# Forks and threads


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORK = """
import os, sys, threading, time, signal, multirrelu
thread = threading.Thread(target=lambda: multirrelu.rrelu(Array()))
thread.start()
while "somebodys" not in sys.modules:
    time.sleep(0.01)
time.sleep(0.1)  # it is in the middle of the import
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(multirrelu.rrelu(Array()), flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
thread.join()
print(status, multirrelu.rrelu(Array()))
"""


@needs_fork
def test_a_fork_during_a_first_call(run):
    """The child would wait for ever for a thread that it does not have."""
    assert run(FORK) == ["iserved", "0", "served"]


@needs_fork
def test_a_fork_in_a_backend_that_is_being_loaded(tmp_path):
    """By the thread that loads: it must not wait for itself."""
    code = """
import os
from multirrelu._loading import attempt
def load():
    child = os.fork()
    if child == 0:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(attempt(load))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=HERE, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("(7, None)\n", "")


def test_threads_that_come_first_together(run):
    assert run("""
        import threading, multirrelu
        served = []
        threads = [threading.Thread(target=lambda: served.append(multirrelu.rrelu(Array()))) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(*served)
    """) == ["iserved", *["served"] * 7]
