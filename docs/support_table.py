"""The directive ``support-table``: the code that each library uses and what it can do, as the package itself knows it."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.metadata import requires
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import multirrelu_backends
from multirrelu import _registry
from multirrelu.cli import report
from multirrelu_conformance import assert_equal_bits, suite_for
from multirrelu_conformance.capabilities import CAPABILITIES, lacking
from multirrelu_conformance.many_at_once import CALLS, Call
from multirrelu_conformance.suites import NAMES

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
COLUMNS = {
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float64": "float64",
    "`out`": "writing",
    "autograd": "autograd",
    "generators": "generator",
    "`rng=None`": "default_rng",
}
LACKS = {name: lacking(suite_for(name)) for name in sorted(NAMES)}


class SupportTable(SphinxDirective):
    """The table that the argument names."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        container = nodes.Element()
        self.state.nested_parse(StringList(TABLES[self.arguments[0]](), source=__file__), self.content_offset, container)
        return container.children


def paths() -> list[str]:
    """Return the code that each library uses, by the entry points and by the report of this very machine."""
    rows = {row.library: row for row in report.report(LACKS)}
    claims = {name: f"{_registry.OURS}.{value.partition(':')[0]}" for name, value in multirrelu_backends.NAMES.items()}
    body = []
    for name in LACKS:
        code = f"`{claims[name]}`" if name in claims else "standard functions"
        body.append([name, oldest(name), tested(name), code, rows[name].answers if name in rows else "not installed"])
    return table(["minimum version", "tested version", "code", "known answers"], body)


def capabilities() -> list[str]:
    """Return which library has what."""
    body = [[name, *("" if what in lacks else "✓" for what in COLUMNS.values())] for name, lacks in LACKS.items()]
    return table([*COLUMNS], body, ":---:")


def reasons() -> list[str]:
    """Return why a library has no mark in a column."""
    rows = [[name, title, lacks[what]] for name, lacks in LACKS.items() for title, what in COLUMNS.items() if what in lacks]
    return table(["missing", "reason"], rows)


def meanings() -> list[str]:
    """Return what a mark in each column says."""
    return [f"- {title}: {CAPABILITIES[what]}" for title, what in COLUMNS.items()]


def together() -> list[str]:
    """Return what each call gives on this very machine, on each of its libraries that can hold the array."""
    installed = [name for name in LACKS if report.installed(name)]
    return table(["`x`", "bytes", "given by"], [row(call, installed) for call in CALLS], first="call")


def row(call: Call, installed: list[str]) -> list[str]:
    """Return a call, its array, the hash of NumPy's bytes, and the libraries that give them; other bytes are an error."""
    expected, able = call.expected(), [name for name in installed if call.lacks(name) is None]
    for name in able:
        assert_equal_bits(call.answer(name), expected, call=call, library=name)
    digits = sha256(expected.tobytes()).hexdigest()[:8]
    return [call.code, f"{call.dtype} {call.shape}", f"`{digits}`", ", ".join(f"`{name}`" for name in able)]


TABLES = {"paths": paths, "capabilities": capabilities, "meanings": meanings, "reasons": reasons, "together": together}


def table(titles: list[str], body: list[list[str]], rule: str = "---", first: str = "library") -> list[str]:
    """Return a table in Markdown whose first column is code, by its heads; `rule` is the line under those of the other columns."""
    rows = [[first, *titles], ["---", *[rule] * len(titles)], *([f"`{name}`", *cells] for name, *cells in body)]
    return [f"| {' | '.join(row)} |" for row in rows]


def oldest(name: str) -> str:
    """Return the oldest version that an extra of the package asks for."""
    asked = [re.match(rf"{distribution(name)}(\[.*\])?>=([\d.]+)", line) for line in requires("multirrelu") or []]
    return next((match[2] for match in asked if match), "")


def tested(name: str) -> str:
    """Return the version that the tests run with."""
    match = re.search(rf"^{distribution(name)}==([\d.]+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""


def distribution(name: str) -> str:
    """Return a pattern of the distributions that a namespace comes in: some have several, by the processor."""
    return name.partition(".")[0] + r"(?:[-_]cpu|-cuda\d+x)?"


def setup(app: Sphinx) -> dict[str, bool]:
    """Let pages use the directive."""
    app.add_directive("support-table", SupportTable)
    return {"parallel_read_safe": True}
