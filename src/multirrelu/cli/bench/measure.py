"""Measure the workloads of a library, each in rounds for a given time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from ... import answers
from ..._registry import agnostic_record, record_named
from ..report import reason
from . import libraries
from .timing import compare, in_turn, usable
from .workload import OURS, Workload

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
        ``training``, ``evaluation``, ``backward`` or ``both passes``.
    dtype, elements : str, int
        The dtype and the number of elements of the array.
    rounds : int
        The number of rounds; each calls all three in turn.
    peer : str
        The code that users of the library write without this package.
    seconds : dict of str to float
        The medians of ``multirrelu``, of ``copy``, and of the peer under its name.
    ratios : dict of str to float
        The speed of multirrelu relative to ``copy``, for as many bytes, and to the peer under its name.
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
            medians, ratios = compare(one.work, times)
            rounds = len(times[OURS])
            yield Measured(name, library.version, one.device, why, one.work, dtype, elements, rounds, one.peer, medians, ratios, note)


def take(work: Workload, seconds: float) -> tuple[dict[str, list[float]], str]:
    """Return the seconds of all rounds, and the reason if the peer could not be measured."""
    calls, failed = usable(work.calls)
    once = 2 * sum(took for (took,) in in_turn(calls, 1, settled=True).values())
    rounds = min(max(int(seconds / once), FEWEST), MOST)
    return in_turn(calls, rounds, settled=True), failed.get(work.peer, "")
