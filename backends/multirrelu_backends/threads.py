"""How many threads a call may use, and how its tasks are shared among them.

The threads are plain Python threads in a pool of our own: Numba's default threading layer ends the process when two Python threads enter
it, and no pool of any library survives a fork. The kernels release the GIL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from operator import index
from threading import Semaphore

PARTS = 4  # parts of the work a thread: a thread that the system holds up leaves its share to the others

_everywhere: int | None = None
_here: ContextVar[int | None] = ContextVar("multirrelu_num_threads", default=None)
_pool: ThreadPoolExecutor | None = None


def get_num_threads() -> int:
    """Return how many threads a large call may use now: the limit that holds here, within the process's CPU affinity.

    Examples
    --------
    >>> from multirrelu_backends.threads import get_num_threads, num_threads
    >>> with num_threads(1):
    ...     get_num_threads()
    1
    """
    limit = _here.get() or _everywhere
    return min(limit, _available()) if limit else _available()


def set_num_threads(number: int | None) -> None:
    """Limit the threads of every call in this process; None lifts the limit.

    Raises
    ------
    TypeError, ValueError
        If `number` is no positive integer.
    """
    global _everywhere
    _everywhere = None if number is None else _check(number)


@contextmanager
def num_threads(number: int) -> Iterator[None]:
    """Limit the threads of the calls made inside, in this thread or task alone: 1 keeps a worker of another pool serial.

    Raises
    ------
    TypeError, ValueError
        If `number` is no positive integer.
    """
    token = _here.set(_check(number))
    try:
        yield
    finally:
        _here.reset(token)


def _check(number: int) -> int:
    try:
        threads = index(number)
    except TypeError:
        raise TypeError(f"the number of threads must be an integer, got {number!r} of type {type(number).__name__}") from None
    if threads < 1:
        raise ValueError(f"the number of threads must be at least 1, got {threads}")
    return threads


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(work: Callable[[int, int], object], tasks: int, threads: int) -> None:
    """Call ``work(first, last)`` for ranges that make up ``range(tasks)``, in this thread and ``threads - 1`` others."""
    if threads <= 1 or tasks <= 1:
        work(0, tasks)
        return
    parts = min(tasks, threads * PARTS)
    numbers = count()  # shared by all: whoever is free takes the next part
    finished = Semaphore(0)
    errors: list[BaseException] = []

    def take() -> None:
        for part in numbers:
            if part >= parts:
                return
            try:
                work(tasks * part // parts, tasks * (part + 1) // parts)
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                errors.append(error)
            finally:
                finished.release()

    with suppress(RuntimeError):  # where the system or a closing interpreter starts no more threads; what is queued may still run
        for _ in range(threads - 1):
            _workers().submit(take)
    take()
    for _ in range(parts):  # of the parts, not of the helpers: one that never began is not missed
        finished.acquire()
    if errors:
        raise errors[0]


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="multirrelu")
    return _pool


def _forget_pool() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
