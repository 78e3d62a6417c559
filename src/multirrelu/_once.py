"""Load and compile once, undisturbed: in a thread where no signal handler runs, and under one lock that a fork waits for.

An import or a compilation that an exception breaks off cannot be trusted any more, and its caller cannot tell what a library raises from
what a signal handler raises. Python runs signal handlers in the main thread alone. There the caller waits: an exception that strikes it
comes out at once, while the work goes on and serves the next call.

This module is imported with the package, so that its handlers for forks are there before the first backend is loaded.
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

_lock = RLock()  # held by the thread that loads or compiles
locks: list[Callable[[], Any]] = [lambda: _lock]
"""What return the locks that a fork waits for, or None. A backend adds its compiler's own lock, which may be held for others."""

_working: set[int] = set()  # that thread
_notes: list[str] = []


def once(make: F) -> F:
    """Keep what a function of hashable arguments returns, as `functools.cache` does; nothing is kept of what it raises."""
    made: dict[tuple[Any, ...], Any] = {}

    def make_one(arguments: tuple[Any, ...]) -> None:
        if arguments not in made:  # another thread may have made it meanwhile
            made[arguments] = make(*arguments)

    @wraps(make)
    def kept(*arguments: Any) -> Any:
        if arguments not in made:
            undisturbed(lambda: make_one(arguments))
        return made[arguments]

    kept.cache_clear = made.clear  # type: ignore[attr-defined]
    return kept  # type: ignore[return-value]


def attempt(load: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Return what `load` returns, or the error that it raises each time.

    Raises
    ------
    BaseException
        An error that may pass, or that does not come again: it says nothing of what is loaded.
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
    """Return what `work` returns or raise what it raises, after the warnings that it has noted."""
    results: list[T] = []
    errors: list[BaseException] = []

    def do() -> None:
        with _lock:
            _working.add(get_ident())
            try:
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                errors.append(error)
            finally:
                _working.clear()

    if get_ident() in _working:  # it is part of other such work, which gives the warnings
        return work()
    _come_before_logging()
    if _is_importing():  # the work may import what this thread is importing, and would wait for it
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
    """Warn of something when the work is done, in the thread of the caller."""
    _notes.append(f"multirrelu: {text}")


def is_passing(error: BaseException) -> bool:
    """Return whether an error may not come again, such as one of memory, open files or room on a disk."""
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
    """Wait until another thread has done it.

    A bare lock tells: where an exception strikes the caller inside of `threading.Event`, its lock stays held, and the other thread hangs.
    """
    finished = allocate_lock()
    finished.acquire()

    def tell() -> None:
        with _lock:  # a fork must not come between the work and the news of it, which nobody would give in the child
            do()
            finished.release()

    try:
        start_new_thread(tell, ())
    except RuntimeError:  # no more threads can be started, or the interpreter ends
        tell()
    finished.acquire()


@atexit.register
def _wait() -> None:
    """Wait at the end of the interpreter for what is compiled, which must not lose its ground."""
    with _lock:
        pass


# Forks


_held: dict[int, list[list[Any]]] = {}
"""The locks that each thread's fork has asked for, which it releases: handlers and locks may be added meanwhile."""


def _hold() -> None:
    """Wait before a fork until nothing is loaded or compiled: the child would not have the thread that goes on with it."""
    held: list[Any] = []
    _held.setdefault(get_ident(), []).append(held)
    for find in locks:  # the work may add one during the wait for the first
        if (lock := find()) is not None:
            held.append(lock)
            lock.acquire()


def _let_go() -> None:
    if stack := _held.get(get_ident()):
        for lock in reversed(stack.pop()):
            with suppress(RuntimeError):  # an exception struck `_hold`, which Python ignores, before the lock was acquired
                lock.release()


def _guard_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_let_go)


@cache
def _come_before_logging() -> None:
    """Let a fork take our lock before logging's, which the work may need: the handler that is registered last is called first."""
    import logging  # noqa: F401

    _guard_forks()


_guard_forks()
