"""`Workload`: one computation in three implementations, by multirrelu, by a peer, and as a copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOWER, UPPER = 1 / 8, 1 / 3
MIDDLE = 0.5 * LOWER + 0.5 * UPPER
SEED = 0


@dataclass(frozen=True)
class Workload:
    """Functions without arguments, each of which returns a new array; `wait` takes the array and returns when the device is done."""

    device: str
    work: str
    ours: Callable[[], object]
    copy: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    wait: Callable[[Any], object] = id
