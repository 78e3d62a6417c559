"""``python -m multirrelu bench``: measure each installed library for a few seconds, and print a table of speeds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict

from ...dtypes import DTYPES
from ...scalars import of_error
from ..bench import libraries
from ..bench.measure import Measured, measure
from ..bench.workload import COPY, OURS
from ..machine import hardware, processor, software
from ..report import installed
from . import arguments, report, screen
from .exits import FINE, Refused, need

ABOUT = """\
Measure training, evaluation, the backward pass, and both passes together.

Each beside a copy of the same array, and beside what users write without this
package. The three take turns, so that what slows the machine slows all; figures
are medians. A library takes some seconds, most of them for its import and its
compiler. Random numbers of your own are left alone, and nothing is kept."""
EXAMPLES = """\
  python -m multirrelu bench
  python -m multirrelu bench --library torch --dtype bfloat16
  python -m multirrelu bench --size '2**26' --seconds 3 --json > bench.json
"""
HEADER = ("library", "work", "M elements/s", "/ copy", "/ peer", "peer")
LEGEND = f"M elements/s: of multirrelu. / {COPY}, / peer: how many times as fast as a copy of as many bytes, and as the peer."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--library", nargs="+", choices=libraries.names(), metavar="NAME", help="%(choices)s (default: all installed)")
    parser.add_argument("--size", type=size, default=1 << 22, metavar="N", help="elements of the array, such as 1000 or 2**22 (default)")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", metavar="NAME", help="%(choices)s (default: %(default)s)")
    parser.add_argument("--seconds", type=duration, default=0.5, metavar="S", help="for each line of the table (default: %(default)s)")
    arguments.add_json(parser)


def size(text: str) -> int:
    """Return a number of elements, which may be written as a power, such as 2**20."""
    base, power, exponent = text.partition("**")
    number = arguments.positive(base)
    if power:
        number **= min(arguments.positive(exponent), 64)
    if number >= 1 << 40:
        raise argparse.ArgumentTypeError(f"must be less than 2**40, got {text}")
    return number


def duration(text: str) -> float:
    """Return a positive number of seconds, at most a minute."""
    seconds = float(text)
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError(f"must lie in (0, 60], got {text}")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, and return the exit code."""
    for name in args.library or ():
        need("the measurement", {name: name}, name)
    wanted = args.library or [name for name in libraries.names() if installed(name)]
    if not wanted:
        raise Refused('there is no library to measure: pip install "multirrelu[numpy]"')
    rows, failed = measured(wanted, args)
    if not rows or (args.library and failed):
        raise Refused("; ".join(f"{name} was not measured: {why}" for name, why in failed.items()))
    if "json" in args:
        about = {**software(), **hardware()}
        print(json.dumps({**about, "rows": [asdict(row) for row in rows], "not_measured": failed}, indent=1))
    else:
        show(rows, failed)
    return FINE


def measured(names: Iterable[str], args: argparse.Namespace) -> tuple[list[Measured], dict[str, str]]:
    """Return the measurements, and the reasons for libraries that could not be measured."""
    rows: list[Measured] = []
    failed = {}
    names = list(names)
    with screen.progress(len(names)) as step:
        for name in names:
            step(0, doing=name)
            try:
                rows.extend(measure(name, args.dtype, args.size, args.seconds))
            except Exception as error:  # noqa: BLE001 - a library that fails, such as without a GPU, does not stop the others
                failed[name] = of_error(error)
            step()
    return rows, failed


def show(rows: list[Measured], failed: dict[str, str]) -> None:
    """Print the table for people."""
    screen.say(report.heading())
    screen.say(f"{processor()}\n{rows[0].dtype}, {rows[0].elements:,} elements\n")
    for line in dict.fromkeys(f"{row.library} {row.version} on {row.device}: {row.why}" for row in rows):
        screen.say(line)
    print()
    screen.show(HEADER, list(map(cells, rows)), right=HEADER[2:5])
    print()
    screen.note(LEGEND)
    for name, why in failed.items():
        screen.note(f"{name} was not measured: {why}")


def cells(row: Measured) -> tuple[screen.Cell | str, ...]:
    """Return a row of the table; ratios of one and more are green."""
    ratio = row.ratios.get(row.peer)
    peer = screen.Cell("") if ratio is None else screen.Cell(f"{ratio:.2f}", "green" if ratio >= 1 else "yellow")
    said = f"{row.peer}: {row.note}" if row.note else row.peer
    speed = f"{row.elements / row.seconds[OURS] / 1e6:,.0f}"
    return screen.Cell(row.library, "bold"), row.work, speed, f"{row.ratios[COPY]:.2f}", peer, said
