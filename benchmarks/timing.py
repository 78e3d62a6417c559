"""Time functions that are called in turn, so that a slow moment of the machine slows all of them, and fresh Python processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable

from multirrelu.cli.bench.timing import in_turn, ratio

__all__ = ["in_turn", "of_process", "per_call", "ratio"]


def per_call(function: Callable[[], object], calls: int = 2000, rounds: int = 9) -> float:
    """Return the seconds of one call, as the median over rounds of many calls."""
    rounds_ = in_turn({"": lambda: [function() for _ in range(calls)]}, rounds)[""]
    return statistics.median(rounds_) / calls


def of_process(code: str, rounds: int = 9, env: dict[str, str] | None = None) -> float:
    """Return the seconds that a fresh Python takes for some code, as the median over rounds."""
    run = {"": lambda: subprocess.run([sys.executable, "-c", code], check=True, env=env)}
    return statistics.median(in_turn(run, rounds)[""])
