"""A directive, ``benchmark-table NAME``: the rows and the machine of ``benchmarks/results/NAME.json``, as they were measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


class BenchmarkTable(SphinxDirective):
    """Speeds of multirrelu in million elements a second, and how many times as fast that is as each other way."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return what is parsed from the table's Markdown."""
        path = RESULTS / f"{self.arguments[0]}.json"
        self.env.note_dependency(str(path))
        return self.parse_text_to_nodes("\n".join(markdown(json.loads(path.read_text(encoding="utf-8")))))


def markdown(result: dict[str, Any]) -> list[str]:
    """Return a table with a row for each case, then the machine, then the single figures where there are some.

    Libraries and sizes have columns where there are several.
    """
    several = [name for name in ("library", "elements") if len({row.get(name) for row in result["rows"]}) > 1]
    names = ["case", "dtype", *several, "M elements/s", "times as fast as"]
    lines = [f"| {' | '.join(names)} |", "|---" * (len(names) - 2) + "|---:|---|"]
    for row in result["rows"]:
        speed = row["elements"] / row["seconds"]["multirrelu"] / 1e6
        others = "<br>".join(f"{ratio:.2f} `{name}`" for name, ratio in row["ratios"].items() if not name.startswith("multirrelu"))
        if "of_limit" in row:
            others = f"{row['of_limit']:.2f} the limit<br>{others}"
        about = [row["case"].replace("_", " "), row["dtype"], *(power(row[name]) for name in several)]
        lines.append(f"| {' | '.join(about)} | {speed:,.0f} | {others} |")
    lines += ["", "Measured on: " + ", ".join(f"{name} {value}" for name, value in result["machine"].items()) + ".", ""]
    if not result["figures"]:
        return lines
    lines += [":::{dropdown} Single figures", "| | measured | at most, asked |", "|---|---:|---:|"]
    lines += [f"| {name} | {value:,.4g} | {'' if most is None else f'{most:,}'} |" for name, (value, most) in result["figures"].items()]
    return [*lines, ":::"]


def power(what: str | int) -> str:
    """Return a size as a power of two where it is one; else the size, or the library, as it is."""
    if isinstance(what, str):
        return what
    return f"2<sup>{what.bit_length() - 1}</sup>" if what.bit_count() == 1 else f"{what:,}"


def setup(app: Any) -> None:
    """Make it known to Sphinx."""
    app.add_directive("benchmark-table", BenchmarkTable)
