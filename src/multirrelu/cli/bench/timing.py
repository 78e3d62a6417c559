"""Times of functions that are called in turn, so that what slows the machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def in_turn(functions: dict[str, Callable[[], object]], rounds: int, *, settled: bool = False) -> dict[str, list[float]]:
    """Return the seconds of each function's calls, one call of each a round, after a round that does not count.

    Where they are `settled`, each has a call before it that does not count either: it then finds memory as it left it itself, and
    not as the temporaries of another did, which can cost more than its own work.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            if settled:
                function()
            start = time.perf_counter()
            function()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], peer: str, ours: str) -> float:
    """Return how many times faster ours is than a peer: the median over the rounds."""
    return statistics.median(one / other for one, other in zip(seconds[peer], seconds[ours], strict=True))
