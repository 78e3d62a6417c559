"""``python -m multirrelu``: print the report, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from .. import report
from ..machine import software
from . import arguments, screen
from .exits import FINE, WRONG

ABOUT = "Report the installed array libraries, the path that each takes and why,\nand check the known answers on each."
EXAMPLES = """\
  python -m multirrelu                         the report
  python -m multirrelu --json > report.json    the same for programs
  python -m multirrelu bench --help            more about a command
"""
MEANING = {
    report.HOLD: "every known answer is equal bit for bit, in every dtype that the library has",
    report.WRONG: "an answer differs: do not use this library's path, and tell its authors",
    report.CANNOT: "the question could not be put, for the reason given",
}
HEADER = ("library", "version", "known answers", "path and why")
STYLES = {report.HOLD: "green", report.WRONG: "bold red", report.CANNOT: "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the report."""
    arguments.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report and return the exit code; a library that cannot compute the answers is no failure."""
    with screen.progress(sum(map(report.installed, report.known()))) as step:
        rows = report.report(before=lambda name: step(doing=name))
    if "json" in args:
        print(json.dumps({**software(), "libraries": [asdict(row) for row in rows]}, indent=1))
    else:
        show(rows)
    return WRONG if any(row.answers == report.WRONG for row in rows) else FINE


def heading() -> str:
    """Return the versions and the platform in one line."""
    return "multirrelu {multirrelu}, Python {python}, {platform}\n".format(**software())


def show(rows: list[report.Row]) -> None:
    """Print the report for people: a row for each library, a legend, and the libraries that are not installed."""
    screen.say(heading())
    if rows:
        screen.show(HEADER, list(map(cells, rows)))
        print()
    seen = {row.answers for row in rows}
    for word in (word for word in MEANING if word in seen):
        screen.note(f"{word}: {MEANING[word]}")
    missing = [name for name in report.known() if not report.installed(name)]
    if missing:
        screen.note(f"not installed: {', '.join(map(how_to_install, missing))}")


def cells(row: report.Row) -> tuple[screen.Cell | str, ...]:
    """Return the cells of a library."""
    path = f"{row.path}: {row.why}" if row.path else "none"
    text = path if row.answers == report.HOLD else f"{path}; {row.detail}"
    return screen.Cell(row.library, "bold"), row.version, screen.Cell(row.answers, STYLES[row.answers]), text


def how_to_install(name: str) -> str:
    """Return the name of a library, and the extras that install it."""
    offered = report.extras(name)
    return f"{name} ({' or '.join(offered)})" if offered else name
