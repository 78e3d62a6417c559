"""Load and compile once, undisturbed: in a thread where no signal handler runs, and under a lock that a fork waits for.

What is left half-way by an exception cannot be trusted any more, whether it is the import of a library or a compiler, and whoever catches
what a library raises cannot tell it from what a signal handler raises. Python runs signal handlers in the main thread alone: there the
caller waits, and what strikes it comes out at once, while the work goes on and serves the next call.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from threading import Event, RLock, Thread, local
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

PASSING = {getattr(errno, name, None) for name in ("EAGAIN", "EDQUOT", "EINTR", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "ESTALE")}

_lock = RLock()  # held by whoever loads or compiles
_notes: list[str] = []
_working = local()


def once(make: F) -> F:
    """Keep what a function of hashable arguments returns, as `functools.cache` does; nothing is kept of what it raises."""
    made: dict[tuple[Any, ...], Any] = {}

    def make_undisturbed(arguments: tuple[Any, ...]) -> None:
        if arguments not in made:  # somebody else may have been faster
            made[arguments] = make(*arguments)

    @wraps(make)
    def kept(*arguments: Any) -> Any:
        if arguments not in made:
            _undisturbed(make_undisturbed, arguments)
        return made[arguments]

    kept.cache_clear = made.clear  # type: ignore[attr-defined]
    return kept  # type: ignore[return-value]


def note(text: str) -> None:
    """Warn of something, in the thread of the caller, when the work is done."""
    _notes.append(f"multirrelu: {text}")


def is_passing(error: BaseException) -> bool:
    """Return whether an error may not come again, as where memory, files or room on a disk are wanting for a while."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in PASSING)


def _undisturbed(work: Callable[[Any], None], arguments: Any) -> None:
    """Do some work, raise what it raises, and give its warnings."""
    if getattr(_working, "now", False):  # it is part of other such work
        work(arguments)
        return
    with _lock:
        _come_first()
    finished, errors = Event(), []

    def do() -> None:
        with _lock:
            _working.now = True
            try:
                work(arguments)
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                errors.append(error)
            finally:
                _working.now = False
                finished.set()  # before a fork can come in between, after which nobody would

    try:
        Thread(target=do, name="multirrelu").start()  # for which an interpreter that ends waits: the compiler must not lose its ground
    except RuntimeError:  # there are no threads to be had, or the interpreter ends
        do()
    finished.wait()
    while _notes:
        warnings.warn(_notes.pop(0), RuntimeWarning, stacklevel=2)
    if errors:
        raise errors[0]


def _numbas_lock() -> Any:
    compiler = sys.modules.get("numba.core.compiler_lock")
    return getattr(compiler, "global_compiler_lock", None)


def _hold() -> None:
    """Wait before a fork until nothing is loaded or compiled, by Numba for others either: in the child nobody would go on with it."""
    _lock.acquire()
    if numbas := _numbas_lock():
        numbas.acquire()


def _let_go() -> None:
    numbas = _numbas_lock()
    with suppress(RuntimeError):  # an exception in `_hold`, which Python ignores
        if numbas:
            numbas.release()
        _lock.release()


def _guard_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_let_go)


@cache
def _come_first() -> None:
    """Let a fork take our lock before logging's, which the work may need: who registered last is called first."""
    import logging  # noqa: F401

    _guard_forks()


_guard_forks()
