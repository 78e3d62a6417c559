"""`Workload`: one computation in three implementations, by multirrelu, by a peer, and as a copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOWER, UPPER = 1 / 8, 1 / 3
MIDDLE = 0.5 * LOWER + 0.5 * UPPER
SEED = 0
OURS, COPY = "multirrelu", "copy"
STREAM, WORDS = "copy, streaming stores", "words alone"
"""The names of two parts of a work: its reads and writes alone, with stores that bypass the cache, and its random words alone."""
MOVED = {"backward": 1.5, "pullback": 1.5, "both passes": 2.5}
"""The bytes that a work moves, relative to a copy, which reads one array and writes one; 1 for a work that is not listed."""


@dataclass(frozen=True)
class Workload:
    """Functions without arguments, each of which returns an array; `wait` takes the array and returns when the device is done.

    `stream`, where there is one, reads and writes the arrays of `ours`, and draws nothing.
    """

    device: str
    work: str
    ours: Callable[[], object]
    copy: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    wait: Callable[[Any], object] = id
    stream: Callable[[], object] | None = None

    @property
    def ways(self) -> dict[str, Callable[[], object]]:
        """The three functions by name."""
        return {OURS: self.ours, COPY: self.copy, self.peer: self.theirs}

    @property
    def calls(self) -> dict[str, Callable[[], object]]:
        """The same, where each waits for its result."""
        return self.ways if self.wait is id else {name: self._waiting(way) for name, way in self.ways.items()}

    def _waiting(self, way: Callable[[], object]) -> Callable[[], object]:
        return lambda: self.wait(way())
