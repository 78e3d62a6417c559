"""Times of functions that are called in turn, so that what slows the machine slows all of them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def in_turn(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each function's calls, one call of each a round, after a round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], peer: str, ours: str) -> float:
    """Return how many times faster ours is than a peer: the median over the rounds."""
    return statistics.median(one / other for one, other in zip(seconds[peer], seconds[ours], strict=True))


def per_call(function: Callable[[], object], calls: int = 2000, rounds: int = 9) -> float:
    """Return the seconds of one call, the median over rounds of many."""
    rounds_ = in_turn({"": lambda: [function() for _ in range(calls)]}, rounds)[""]
    return statistics.median(rounds_) / calls


def of_process(code: str, rounds: int = 9, env: dict[str, str] | None = None) -> float:
    """Return the seconds that a fresh Python takes for some code, the median over rounds."""
    run = {"": lambda: subprocess.run([sys.executable, "-c", code], check=True, env=env)}
    return statistics.median(in_turn(run, rounds)[""])
