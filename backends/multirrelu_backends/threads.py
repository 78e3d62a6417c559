"""Limit the number of threads that a call may use, in the process, or in one thread or task."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import index

GROUP = 64  # processors; where Windows has more, an affinity mask covers only some of them

_everywhere: int | None = None
_here: ContextVar[int | None] = ContextVar("multirrelu_num_threads", default=None)


def get_num_threads() -> int:
    """Return how many threads a large call may use now: the current limit, within the CPU affinity of the process.

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
    """Limit the threads of calls inside the context, in this thread or task only: 1 keeps a worker of another pool serial.

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
    """Return how many processors this process may use. Linux and Windows have a CPU affinity, macOS has none."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    processors = os.cpu_count() or 1
    return _affinity_of_windows() or processors if processors <= GROUP else processors


def _affinity_of_windows() -> int:
    """Return how many processors Windows lets this process use, which Python does not report; 0 elsewhere."""
    import ctypes

    if not hasattr(ctypes, "windll"):
        return 0
    mask, of_the_system = ctypes.c_size_t(), ctypes.c_size_t()
    this_process = ctypes.c_void_p(-1)
    done = ctypes.windll.kernel32.GetProcessAffinityMask(this_process, ctypes.byref(mask), ctypes.byref(of_the_system))
    return mask.value.bit_count() if done else 0
