"""Time functions that are called in turn, so that a slow moment of the machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def in_turn(functions: dict[str, Callable[[], object]], rounds: int, *, settled: bool = False) -> dict[str, list[float]]:
    """Return the seconds of the calls of each function, one call of each a round, after a round that does not count.

    With `settled`, another uncounted call precedes each call: it then finds memory as it left it itself. Memory as left by the
    temporaries of another function can cost more than the work.
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
    """Return how many times as fast ours is as a peer, as the median over the rounds."""
    return statistics.median(one / other for one, other in zip(seconds[peer], seconds[ours], strict=True))
