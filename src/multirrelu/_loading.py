"""Load what a first call needs: under one lock, which a fork waits for, and with signals that wait."""

from __future__ import annotations

import os
from _thread import RLock
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

lock = RLock()
"""Held while a backend is imported or a kernel is compiled: a child of a fork in the middle of it would wait for ever for a lost thread."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def attempt(load: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Return what `load` returns, or the error that it raises each time.

    Raises
    ------
    BaseException
        An error that does not come again, such as one of memory, or that a signal's handler raises: it says nothing of what is loaded.
    """
    with undisturbed() as broke_in:
        try:
            return load(), None
        except (Exception, SystemExit) as first:
            try:
                load()
            except (Exception, SystemExit):  # noqa: BLE001 - the first is raised or returned
                if not broke_in:
                    return None, first
            raise


@contextmanager
def undisturbed() -> Iterator[list[int]]:
    """Let forks and signals wait for the end of the block: few packages can be imported again after an import that was broken off.

    A second signal of the same number does not wait, and is in the list that the block is given.
    """
    with lock, _signals_waiting() as broke_in:
        yield broke_in


@contextmanager
def _signals_waiting() -> Iterator[list[int]]:
    from signal import getsignal, signal, valid_signals

    handlers: dict[int, Any] = {number: handler for number in valid_signals() if callable(handler := getsignal(number))}
    waiting: dict[int, Any] = {}
    broke_in: list[int] = []

    def wait(number: int, frame: Any) -> None:
        if number in waiting:
            broke_in.append(number)
            handlers[number](number, frame)
        waiting[number] = frame

    try:
        for number in handlers:
            signal(number, wait)
    except ValueError:  # not the main thread, which alone runs handlers
        handlers.clear()
    try:
        yield broke_in
    finally:
        for number, handler in handlers.items():
            if getsignal(number) is wait:  # what is loaded may have put its own there
                signal(number, handler)
        for number, frame in waiting.items():
            handlers[number](number, frame)
