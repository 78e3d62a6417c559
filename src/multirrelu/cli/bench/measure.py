"""Measure the workloads of a library, each in rounds that take a given time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ... import answers
from ..._registry import agnostic_record, of_error, record_named
from ..report import reason
from . import libraries, timing
from .workload import Workload

OURS, COPY = "multirrelu", "copy"
FEWEST, MOST = 5, 1000
"""Rounds: a median of fewer says little, and of more nothing new."""


@dataclass(frozen=True)
class Measured:
    """What one workload took.

    Attributes
    ----------
    library, version, device : str
        What ran, and on what; a processor with the number of threads that ours may use.
    why : str
        What multiplies the library's arrays, and the reason, as in the report.
    work : str
        ``training``, ``evaluation`` or ``backward``.
    dtype, elements : str, int
        Of the array.
    rounds : int
        In each of which all three were called, in turn.
    peer : str
        What users of the library write without this package.
    seconds : dict of str to float
        The median of ``multirrelu``, of ``copy``, and of the peer by its name.
    ratios : dict of str to float
        How many times as fast ours is: as ``copy``, and as the peer by its name.
    note : str
        Why the peer was not measured, or nothing.
    """

    library: str
    version: str
    device: str
    why: str
    work: str
    dtype: str
    elements: int
    rounds: int
    peer: str
    seconds: dict[str, float]
    ratios: dict[str, float]
    note: str


def measure(name: str, dtype: str, elements: int, seconds: float) -> Iterator[Measured]:
    """Yield what each of a library's workloads took, in about so many seconds for each.

    Raises
    ------
    TypeError
        If the library has no such dtype.
    Exception
        Whatever the library raises where it cannot be used, such as for want of a GPU.
    """
    library = libraries.load(name)
    if not answers.has(library.xp, dtype):
        raise TypeError(f"{name} has no {dtype} here")
    namespace = library.xp.__name__
    why = reason(namespace, record_named(namespace) or agnostic_record())
    with closing(library.workloads(dtype, elements)) as workloads:  # which may put something back at the end
        for one in workloads:
            times, note = take(one, seconds)
            medians = {who: statistics.median(took) for who, took in times.items()}
            ratios = {who: timing.ratio(times, who, OURS) for who in times if who != OURS}
            rounds = len(times[OURS])
            yield Measured(name, library.version, one.device, why, one.work, dtype, elements, rounds, one.peer, medians, ratios, note)


def take(work: Workload, seconds: float) -> tuple[dict[str, list[float]], str]:
    """Return the seconds of all rounds, and why the peer is not among them if it is not."""
    ways = {OURS: work.ours, COPY: work.copy, work.peer: work.theirs}
    calls, note = {who: waiting(way, work.wait) for who, way in ways.items()}, ""
    try:
        calls[work.peer]()
    except Exception as error:  # noqa: BLE001 - whatever a library lacks, ours is measured without it
        del calls[work.peer]
        note = of_error(error)
    once = 2 * sum(took for (took,) in timing.in_turn(calls, 1, settled=True).values())
    return timing.in_turn(calls, min(max(int(seconds / once), FEWEST), MOST), settled=True), note


def waiting(call: Callable[[], object], wait: Callable[[Any], object]) -> Callable[[], object]:
    """Return a call that waits for its result."""
    return lambda: wait(call())
