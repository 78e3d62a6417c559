"""``python -m soak``: threads, forks, signals and damaged caches, in child processes in turn, for as long as the caller says."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import count, product
from pathlib import Path

import numpy as np

from soak.cache import damaged
from soak.watch import ENDS, End, watch

LIBRARIES = ("numpy", "torch")
SCENARIOS = ("threads", "forks", "signals", "first", "cache")
SLACK = 180  # seconds beside its own that a child may take: imports and compilation are slow on a busy machine


def soak(scenario: str, library: str, seed: int, each: float, folder: Path) -> End:
    """Run one child, or two, through one scenario."""

    def child(scenario: str, cache: Path) -> End:
        command = ("-m", "soak.child", scenario, library, str(each), str(seed))
        return watch(command, each + SLACK, {"NUMBA_CACHE_DIR": str(cache)})

    if scenario != "cache":
        return child(scenario, folder / "shared")
    own = folder / f"cache of {library}"
    own.mkdir(exist_ok=True)
    return damaged(child, own, np.random.default_rng(seed))


def line(scenario: str, library: str, counts: Counter[str]) -> str:
    """What one scenario has shown on one library."""
    bad = ", ".join(f"{counts[end]} {end}" for end in ENDS)
    did = ", ".join(f"{number:,} {what}" for what, number in counts.items() if what not in (*ENDS, "processes"))
    return f"{scenario:<8} {library:<6} {counts['processes']:>4} processes, {bad}; {did}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run rounds of all scenarios until the time is over, and return 1 if any child ended badly."""
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="after which no child is started any more (default: %(default)s)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="one of them, or both (default: what is installed)")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="one of them, or more (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the first round (default: %(default)s)")
    parser.add_argument("--each", type=float, default=6, help="seconds that a child goes on (default: %(default)s)")
    given = parser.parse_args(arguments)
    libraries = given.library or [name for name in LIBRARIES if find_spec(name)]
    pairs = list(product(given.scenario or SCENARIOS, libraries))
    counts: dict[tuple[str, str], Counter[str]] = {pair: Counter(processes=0) for pair in pairs}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        for number, (scenario, library) in ((number, pair) for number in count(given.seed) for pair in pairs):
            if time.monotonic() - started > 60 * given.minutes:
                break
            end = soak(scenario, library, number, given.each, Path(folder))
            counts[scenario, library] += end.counts + Counter({"processes": 1, **({end.how: 1} if end.how else {})})
            if end.how:
                again = f"nox -s soak -- --scenario {scenario} --library {library} --seed {number} --each {given.each} --minutes 0.01"
                print(f"{scenario} on {library} {end.how} -- again: {again}\n{end.said[-6000:]}", flush=True)
    for pair in pairs:
        print(line(*pair, counts[pair]))
    return int(not any(each["processes"] for each in counts.values()) or any(each[end] for each in counts.values() for end in ENDS))


if __name__ == "__main__":
    sys.exit(main())
