"""Time functions that are called in turn, so that a slow moment of the machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...scalars import of_error
from .workload import COPY, MOVED, OURS, STREAM, WORDS


@dataclass(frozen=True)
class Clock:
    """`mark` takes a moment, and `between` returns the seconds between two of them; it is called when all have been taken."""

    mark: Callable[[], Any] = lambda: time.perf_counter()  # noqa: PLW0108 - tests replace it
    between: Callable[[Any, Any], float] = lambda start, end: end - start


HOST = Clock()


def events(event: Callable[[], Any], milliseconds: Callable[[Any, Any], float]) -> Clock:
    """Return the clock of a GPU's current stream, from the events of a library and the function that compares two of them."""

    def mark() -> Any:
        one = event()
        one.record()
        return one

    def between(start: Any, end: Any) -> float:
        end.synchronize()
        return milliseconds(start, end) / 1e3

    return Clock(mark, between)


def usable(functions: dict[str, Callable[[], object]]) -> tuple[dict[str, Callable[[], object]], dict[str, str]]:
    """Call each function once; return those that work, and the errors of the peers that fail, such as in a dtype that they lack."""
    failed = {}
    for name, function in functions.items():
        try:
            function()
        except Exception as error:
            if name in {OURS, COPY}:
                raise
            failed[name] = of_error(error)
    return {name: function for name, function in functions.items() if name not in failed}, failed


def in_turn(
    functions: dict[str, Callable[[], object]],
    rounds: int,
    *,
    calls: int = 1,
    settled: bool = False,
    uncounted: int = 1,
    clock: Clock = HOST,
) -> dict[str, list[float]]:
    """Return the seconds of a call of each function in each round, in which all take turns, after rounds that do not count.

    A turn has a number of `calls`, for functions that are too short to be timed alone. With `settled`, another uncounted call precedes
    each turn: it then finds memory as it left it itself. Memory as left by the temporaries of another function can cost more than the
    work.
    """
    marks: dict[str, list[tuple[Any, Any]]] = {name: [] for name in functions}
    for _ in range(uncounted + rounds):
        for name, function in functions.items():
            if settled:
                function()
            start = clock.mark()
            for _ in range(calls):
                function()
            marks[name].append((start, clock.mark()))
    return {name: [clock.between(*pair) / calls for pair in pairs[uncounted:]] for name, pairs in marks.items()}


def medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return the median over the rounds for each function."""
    return {name: statistics.median(times) for name, times in seconds.items()}


def ratio(seconds: dict[str, list[float]], peer: str, ours: str = OURS) -> float:
    """Return how many times as fast ours is as a peer, as the median over the rounds."""
    return statistics.median(one / other for one, other in zip(seconds[peer], seconds[ours], strict=True))


def compare(work: str, seconds: dict[str, list[float]], ours: dict[str, str] | None = None) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median seconds of each function, and the speed of ours relative to each peer.

    A copy is taken for as many bytes as the work moves. `ours` maps a peer to the function of ours that it is compared with, where that is
    not the usual one.
    """
    ratios = {peer: ratio(seconds, peer, (ours or {}).get(peer, OURS)) for peer in seconds if peer not in {OURS, STREAM, WORDS}}
    if COPY in ratios:
        ratios[COPY] *= _moved(work)
    return medians(seconds), ratios


def of_limit(work: str, seconds: dict[str, list[float]]) -> float | None:
    """Return the speed of ours as a part of the limit, as the median over the rounds, or None where no limit was measured.

    The limit is the speed of the slower of two parts of the work: the fastest copy of its bytes, and the random words of its slopes.
    """
    if STREAM not in seconds:
        return None
    copies = [min(_moved(work) * copy, stream) for copy, stream in zip(seconds[COPY], seconds[STREAM], strict=True)]
    limits = map(max, copies, seconds.get(WORDS, copies))
    return statistics.median(limit / ours for limit, ours in zip(limits, seconds[OURS], strict=True))


def _moved(work: str) -> float:
    return MOVED.get(work.replace("_", " "), 1)


def per_call(function: Callable[[], object], calls: int = 2000, rounds: int = 9) -> float:
    """Return the seconds of one call, as the median over rounds of many calls."""
    return statistics.median(in_turn({"": function}, rounds, calls=calls)[""])
