"""Load and compile once, in a thread where no signal handler runs, under a lock that a fork waits for.

An exception can leave an import or a compilation half done, and the caller cannot tell an error of the library from an exception of
a signal handler. Python runs signal handlers in the main thread only. The main thread therefore waits for another thread: an exception in
the main thread is raised at once, while the work goes on and serves the next call.

The package imports this module, so that the fork handlers are registered before the first backend is loaded.
"""

from __future__ import annotations

import atexit
import errno
import os
import sys
from _thread import RLock, allocate_lock, get_ident, start_new_thread
from contextlib import suppress
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import TypeVar

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., Any])

PASSING = {getattr(errno, name, None) for name in ("EAGAIN", "EDQUOT", "EINTR", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "ESTALE")}

_lock = RLock()  # the thread that loads or compiles holds it
locks: list[Callable[[], Any]] = [lambda: _lock]
"""Functions that return a lock that a fork waits for, or None. A backend adds its compiler's lock, which other code may hold too."""

_working: set[int] = set()  # the thread that loads or compiles, if any
_notes: list[str] = []


def once(make: F) -> F:
    """Cache the results of a function of hashable arguments, as `functools.cache` does; exceptions are not cached."""
    made: dict[tuple[Any, ...], Any] = {}

    def make_one(arguments: tuple[Any, ...]) -> None:
        if arguments not in made:  # another thread may have made it in the meantime
            made[arguments] = make(*arguments)

    @wraps(make)
    def kept(*arguments: Any) -> Any:
        try:
            return made[arguments]
        except KeyError:
            undisturbed(lambda: make_one(arguments))
        return made[arguments]

    kept.cache_clear = made.clear  # type: ignore[attr-defined]
    return kept  # type: ignore[return-value]


def attempt(load: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Return the result of `load`, or the error that it raises each time.

    Raises
    ------
    BaseException
        An error that is temporary or does not occur again, so that a later call may succeed.
    """

    def twice() -> tuple[T | None, BaseException | None]:
        try:
            return load(), None
        except (Exception, SystemExit) as first:
            if is_passing(first):
                raise
            try:
                load()
            except (Exception, SystemExit):  # noqa: BLE001 - the first is returned
                return None, first
            raise

    return undisturbed(twice)


def undisturbed(work: Callable[[], T]) -> T:
    """Return the result of `work` or raise its exception, after issuing the warnings that it noted."""
    results: list[T] = []
    errors: list[BaseException] = []

    def do() -> None:
        _working.add(get_ident())
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            errors.append(error)
        finally:
            _working.clear()

    if get_ident() in _working:  # this work is part of other work, which issues the warnings
        return work()
    _come_before_logging()
    if _is_importing():  # the work may import the module that this thread is importing, which would be a deadlock
        with _lock:
            do()
    else:
        _in_a_thread(do)
    if _notes:
        from warnings import warn

        while _notes:
            warn(_notes.pop(0), RuntimeWarning, stacklevel=2)
    if errors:
        raise errors[0]
    return results[0]


def note(text: str) -> None:
    """Note a warning, which the calling thread issues when the work is done."""
    _notes.append(f"multirrelu: {text}")


def is_passing(error: BaseException) -> bool:
    """Return whether an error may be temporary, such as a lack of memory, file handles or disk space."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in PASSING)


def _is_importing() -> bool:
    """Return whether this thread is in the middle of an import."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _in_a_thread(do: Callable[[], None]) -> None:
    """Run the work in another thread and wait until it is done.

    A bare lock signals the end. With `threading.Event`, an exception in the waiting thread could leave the event's own lock held, and
    the other thread would hang.
    """
    from threading import getprofile, gettrace

    finished = allocate_lock()
    finished.acquire()

    def tell() -> None:
        # As `threading` does, so that debuggers and coverage see this thread.
        sys.settrace(gettrace())
        sys.setprofile(getprofile())
        work_and_tell()

    def work_and_tell() -> None:
        with _lock:  # no fork between the end of the work and its signal, which no thread of the child would send
            do()
            finished.release()

    try:
        start_new_thread(tell, ())
    except RuntimeError:  # no thread can be started, or the interpreter is shutting down
        work_and_tell()
    finished.acquire()


@atexit.register
def _wait() -> None:
    """Wait at exit until the running compilation is done, which needs the interpreter."""
    with _lock:
        pass


# Forks


_held: dict[int, list[list[Any]]] = {}
"""The locks that each thread has taken for its fork, which the same thread releases: others may be added in the meantime."""


def _hold() -> None:
    """Wait before a fork until nothing is being loaded or compiled: the child would lack the thread that does it."""
    held: list[Any] = []
    _held.setdefault(get_ident(), []).append(held)
    for find in locks:  # the work may add a lock while the first is awaited
        if (lock := find()) is not None:
            held.append(lock)
            lock.acquire()


def _let_go() -> None:
    if stack := _held.get(get_ident()):
        for lock in reversed(stack.pop()):
            with suppress(RuntimeError):  # an exception ended `_hold` before it acquired the lock, and Python ignored it
                lock.release()


def _guard_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_let_go)


@cache
def _come_before_logging() -> None:
    """Make a fork take our lock before that of `logging`, which the work may need: the handler registered last is called first."""
    import logging  # noqa: F401

    _guard_forks()


_guard_forks()
