"""Measure the workloads of a library, each in rounds for a given time."""

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
"""The least and the greatest number of rounds: a median of fewer means little, and more rounds add nothing."""


@dataclass(frozen=True)
class Measured:
    """The measurement of one workload.

    Attributes
    ----------
    library, version, device : str
        The library and the device; a processor is followed by the number of threads that multirrelu may use.
    why : str
        The path that multiplies the library's arrays, with the reason, as in the report.
    work : str
        ``training``, ``evaluation`` or ``backward``.
    dtype, elements : str, int
        The dtype and the number of elements of the array.
    rounds : int
        The number of rounds; each calls all three in turn.
    peer : str
        The code that users of the library write without this package.
    seconds : dict of str to float
        The medians of ``multirrelu``, of ``copy``, and of the peer under its name.
    ratios : dict of str to float
        The speed of multirrelu relative to ``copy``, and to the peer under its name.
    note : str
        The reason why the peer was not measured, or an empty string.
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
    """Yield the measurement of each workload of a library, each in about the given number of seconds.

    Raises
    ------
    TypeError
        If the library has no such dtype.
    Exception
        If the library raises it because it cannot be used, such as without a GPU.
    """
    library = libraries.load(name)
    if not answers.has(library.xp, dtype):
        raise TypeError(f"{name} has no {dtype} here")
    namespace = library.xp.__name__
    why = reason(namespace, record_named(namespace) or agnostic_record())
    with closing(library.workloads(dtype, elements)) as workloads:  # closing lets the generator restore state
        for one in workloads:
            times, note = take(one, seconds)
            medians = {who: statistics.median(took) for who, took in times.items()}
            ratios = {who: timing.ratio(times, who, OURS) for who in times if who != OURS}
            rounds = len(times[OURS])
            yield Measured(name, library.version, one.device, why, one.work, dtype, elements, rounds, one.peer, medians, ratios, note)


def take(work: Workload, seconds: float) -> tuple[dict[str, list[float]], str]:
    """Return the seconds of all rounds, and the reason if the peer could not be measured."""
    ways = {OURS: work.ours, COPY: work.copy, work.peer: work.theirs}
    calls, note = {who: waiting(way, work.wait) for who, way in ways.items()}, ""
    try:
        calls[work.peer]()
    except Exception as error:  # noqa: BLE001 - multirrelu is measured without a peer that fails
        del calls[work.peer]
        note = of_error(error)
    once = 2 * sum(took for (took,) in timing.in_turn(calls, 1, settled=True).values())
    return timing.in_turn(calls, min(max(int(seconds / once), FEWEST), MOST), settled=True), note


def waiting(call: Callable[[], object], wait: Callable[[Any], object]) -> Callable[[], object]:
    """Return a call that waits for its result."""
    return lambda: wait(call())
