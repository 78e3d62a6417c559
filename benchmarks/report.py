"""Report the measurements of a benchmark: ratios, the machine, the table and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import timing

from multirrelu.cli.bench.machine import processor

RESULTS = Path(__file__).parent / "results"
OURS = "multirrelu"

Work = dict[str, Callable[[], object]]
Figures = dict[str, tuple[float, float | None]]
"""Single figures, each with its upper limit or None."""


def row(
    case: str, work: Work, dtype: str, elements: int, rounds: int, asked: dict[str, float], ours: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the time of each function, and how many times as fast ours is; `ours` names another function of ours for a peer."""
    seconds = timing.in_turn(work, rounds)
    ratios = {peer: timing.ratio(seconds, peer, (ours or {}).get(peer, OURS)) for peer in seconds if peer != OURS}
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {"case": case, "dtype": dtype, "elements": elements, "seconds": medians, "ratios": ratios, "asked": asked}


def machine(*packages: str) -> dict[str, Any]:
    """Return the facts that the figures depend on, including the versions of the given packages."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    features = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "processor": processor(),
        "vectors": next((name for name in ("avx512f", "avx2") if name in features), platform.machine()),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in (*packages, "multirrelu")},
    }


def table(result: dict[str, Any]) -> str:
    """Return a result as a table of text."""
    lines = [f"{name}: {value}" for name, value in result["machine"].items()] + [""]
    for r in result["rows"]:
        lines.append(f"{r['case']}, {r['dtype']}, {r['elements']:,} elements")
        for name, seconds in r["seconds"].items():
            times = f"{r['ratios'][name]:7.2f} times as fast" if name in r["ratios"] else " " * 21
            asked = f", at least {r['asked'][name]} asked" if name in r["asked"] else ""
            lines.append(f"  {name:52s} {1e3 * seconds:9.3f} ms {r['elements'] / seconds / 1e6:8.0f} M elements/s {times}{asked}")
    lines.append("")
    for name, (value, most) in result["figures"].items():
        lines.append(f"{name:60s} {value:10,.2f}" + ("" if most is None else f", at most {most:,} asked"))
    return "\n".join(lines)


def main(
    about: str | None,
    name: str,
    elements: int,
    rows: Callable[[int, int], list[dict[str, Any]]],
    figures: Callable[[], Figures],
    facts: dict[str, Any],
) -> Path:
    """Measure with the sizes on the command line, print the table, save the result and return its path."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--elements", type=int, default=elements)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--name", default=name, help="of the files under benchmarks/results")
    options = parser.parse_args()
    result = {"machine": facts, "rows": rows(options.elements, options.rounds), "figures": figures()}
    print(table(result))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nkept in {path}")
    return path
