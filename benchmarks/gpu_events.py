"""Time functions that are called in turn: on the device, between events, and on the host, which does not wait for the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpu_workloads import Work
from timing import in_turn as on_the_clock

CALLS = 100  # of one function in a turn, few enough for the queue of the device


def in_turn(work: Work, rounds: int, event: Callable[[], Any], between: Callable[[Any, Any], float]) -> dict[str, list[float]]:
    """Return the seconds between two events around each call, one call of each function a round, after three uncounted rounds."""
    marks: dict[str, list[tuple[Any, Any]]] = {name: [] for name in work}
    for _ in range(rounds + 3):
        for name, function in work.items():
            start, end = event(), event()
            start.record()
            function()
            end.record()
            marks[name].append((start, end))
    for _, end in (pairs[-1] for pairs in marks.values()):
        end.synchronize()
    return {name: [between(*pair) / 1e3 for pair in pairs[3:]] for name, pairs in marks.items()}


def on_host(work: Work, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of a call of each function on the host, as means over many calls."""
    many = {name: lambda function=function: [function() for _ in range(CALLS)] for name, function in work.items()}
    return {name: [seconds / CALLS for seconds in times] for name, times in on_the_clock(many, rounds).items()}
