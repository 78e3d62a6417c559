"""What is loaded and compiled once: kept when it is made, made anew when it fails, left half-way by nothing that strikes the caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import pytest

from multirrelu import _once, backend_for
from multirrelu._once import attempt, is_passing, note, once

# An exception that strikes inside of coverage's tracer leaves the tracer's lock held: these processes are not measured.
HERE = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
HERE["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers of signals")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


# Faults


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


@pytest.mark.parametrize("error", [ValueError("a"), ImportError("b"), SystemExit(3)], ids=repr)
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


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "Too many open files")], ids=repr)
def test_what_may_pass_is_no_fault_though_it_comes_again(error):
    with pytest.raises(type(error)):
        attempt(failing(error, error))
    assert attempt(failing()) == ("loaded", None)


@needs_alarm
def test_what_a_signal_handler_raises_is_no_fault_of_what_is_loaded():
    def strike(*_):
        raise AccidentError

    def load():
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        ended.append(time.sleep(1))

    ended, before = [], signal.signal(signal.SIGALRM, strike)
    try:
        with pytest.raises(AccidentError):
            attempt(load)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not ended, "it comes out at once"
    assert attempt(lambda: len(ended)) == (1, None), "the work went on, and the next waited for it"


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_what_is_no_error_comes_out_at_once(error):
    load = failing(error(), None)
    with pytest.raises(error):
        attempt(load)
    assert attempt(load) == ("loaded", None)


# Once


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

    monkeypatch.setattr(_once, "start_new_thread", none)
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


@needs_alarm
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


STRUCK = """
import sys
from multirrelu import _once
class Struck(Exception): pass
def strike(at):
    # Raise at the opcode of this number, in whatever Python code the caller runs, and return whether there was one.
    left = [at]
    def trace(frame, event, _):
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            left[0] -= 1
            if left[0] == 0:
                raise Struck
        return trace
    made = _once.once(lambda: "made")
    sys.settrace(trace)
    try:
        made()
        sys.settrace(None)
        return False
    except Struck:
        return True
    finally:
        sys.settrace(None)
        assert made() == "made"
at = 1
while strike(at):
    at += 1
print(at)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="newer Pythons do not trace each opcode of a function that is called")
def test_what_strikes_the_caller_at_any_opcode_leaves_no_thread_behind_that_hangs():
    done = subprocess.run([sys.executable, "-c", STRUCK], capture_output=True, text=True, env=HERE, timeout=40, check=False)
    assert done.stderr == ""
    assert int(done.stdout) > 100


@needs_alarm
def test_the_end_of_the_interpreter_waits_for_the_work_that_a_caller_left():
    code = """
import signal, time
from multirrelu._once import once
def strike(*_): raise TimeoutError
signal.signal(signal.SIGALRM, strike)
def work():
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    time.sleep(0.5)
    print("made")
try:
    once(work)()
except TimeoutError:
    print("left", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=HERE, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr, done.returncode) == (["left", "made"], "", 0)


@needs_alarm
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


@needs_fork
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


# First calls


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
        done = subprocess.run(command, capture_output=True, text=True, env={**HERE, "PYTHONPATH": path}, timeout=40, check=False)
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


def test_the_first_call_imports_in_another_thread(np):
    """An exception in the middle of an import can leave the lock of all imports held, which importlib takes outside of its `try`."""
    code = """
import sys, _thread, numpy as np, multirrelu
main, here = _thread.get_ident(), []
class Finder:
    def find_spec(self, name, path=None, target=None):
        if _thread.get_ident() == main:
            here.append(name)
sys.meta_path.insert(0, Finder())
multirrelu.rrelu(-np.ones(3), training=True, rng=1)
print(*here)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=HERE, timeout=300, check=True)
    # Forks need `logging` before any work (`_come_before_logging`); what that brings differs from one Python to the next.
    logging = subprocess.run(
        [sys.executable, "-c", "import logging, sys; print(*sys.modules)"], capture_output=True, text=True, timeout=300, check=True
    )
    assert set(done.stdout.split()) <= set(logging.stdout.split())


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


COMPILES = """
import threading, time
from multirrelu import Backend
class Space: pass
time.sleep(0.5)  # a fork waits for the import
from multirrelu._once import once
@once
def kernel():
    time.sleep(0.5)
    return "served"
backend = Backend(scale=lambda v, g, s, /, *, out=None: kernel(), namespace=Space)
"""


@needs_fork
def test_a_fork_that_waits_for_the_import_waits_for_the_kernel_too_or_comes_before_it(run, tmp_path):
    """The kernel may be compiled by a module that was not there when the fork began to wait."""
    (tmp_path / "somebodys.py").write_text(COMPILES, encoding="utf-8")
    assert run(FORK) == ["served", "0", "served"]


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.parametrize("comes", ["handlers", "a lock"])
def test_what_comes_while_a_fork_waits(monkeypatch, comes):
    """The fork releases what it has acquired, no less and no more."""
    lock = threading.RLock()
    monkeypatch.setattr(_once, "locks", [lambda: _once._lock])

    def work():
        time.sleep(0.3)
        if comes == "handlers":
            _once._guard_forks()
        else:
            _once.locks.append(lambda: lock)

    thread = threading.Thread(target=once(work))
    thread.start()
    time.sleep(0.1)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(not _is_free())
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
    assert _is_free()
    assert not lock._is_owned()


def test_a_fork_releases_nothing_that_it_did_not_acquire(monkeypatch):
    """Locks and handlers that come between the two halves of a fork, in a thread that holds the locks itself."""
    lock = threading.RLock()
    monkeypatch.setattr(_once, "locks", [lambda: _once._lock])
    with _once._lock, lock:
        _once._hold()
        _once.locks.append(lambda: lock)
        _once._let_go()
        _once._let_go()
        assert _once._lock._is_owned()
        assert lock._is_owned()
    assert _is_free()


def _is_free():
    """Return whether another thread can have the lock."""
    got = []

    def ask():
        got.append(_once._lock.acquire(timeout=5))
        _once._lock.release()

    asker = threading.Thread(target=ask)
    asker.start()
    asker.join()
    return got[0]


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_fork_whose_wait_an_exception_ends(monkeypatch, where):
    """Python ignores what a handler of forks raises, and forks."""

    class Lock:
        def acquire(self):
            if where == "before":
                raise AccidentError
            lock.acquire()
            raise AccidentError

        def release(self):
            lock.release()

    lock = threading.RLock()
    monkeypatch.setattr(_once, "locks", [lambda: _once._lock, Lock])
    with pytest.raises(AccidentError):
        _once._hold()
    _once._let_go()
    assert _is_free()
    assert not lock._is_owned()


def test_a_package_may_call_while_it_is_imported_though_its_backend_is_in_it(run, tmp_path):
    """Another thread's import of the backend would wait for the package, whose import waits for the call."""
    package = tmp_path / "somebodys"
    package.mkdir()
    (package / "__init__.py").write_text(f"import multirrelu\n{ARRAY}\nserved = multirrelu.rrelu(Array())\n", encoding="utf-8")
    (package / "fast.py").write_text(f"import somebodys\n{BACKEND}", encoding="utf-8")
    (tmp_path / "somebodys.py").unlink()
    entries = tmp_path / "somebodys-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[multirrelu.backends]\nsomelib = somebodys.fast:backend\n", encoding="utf-8")
    assert run("import somebodys; print(somebodys.served)") == ["iserved"]


@needs_fork
def test_a_fork_in_a_backend_that_is_being_loaded(tmp_path):
    """By the thread that loads: it must not wait for itself."""
    code = """
import os
from multirrelu._once import attempt
def load():
    child = os.fork()
    if child == 0:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(attempt(load))
"""
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=HERE, timeout=60, check=False)
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


def test_debuggers_and_coverage_see_the_thread():
    seen, before = [], threading.gettrace()

    def work():
        return "made"

    threading.settrace(lambda frame, *_: seen.append(frame.f_code))
    try:
        assert once(work)() == "made"
    finally:
        threading.settrace(before)
    assert work.__code__ in seen
