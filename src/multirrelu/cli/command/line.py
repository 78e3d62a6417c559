"""The command line: its parser, and the dispatch to a command."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any

from ... import __version__
from . import bench, conformance, demo, output, report
from .exits import CANNOT, CODES, INTERRUPTED, Refused

PROGRAM = "python -m multirrelu"
COMMANDS: dict[str, ModuleType] = {"demo": demo, "bench": bench, "conformance": conformance}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    return output.guarded(lambda: run(argv))


def run(argv: Sequence[str] | None) -> int:
    """Run the command in the arguments and return the exit code."""
    args = parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except Refused as refused:
        output.complain(str(refused))
        return CANNOT
    except KeyboardInterrupt:
        output.complain("interrupted")
        return INTERRUPTED
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, without importing the dependencies of any command."""
    whole = argparse.ArgumentParser(prog=PROGRAM, usage=f"{PROGRAM} [-h] [--version] [--json] [COMMAND ...]", **about(report))
    whole.add_argument("--version", action="version", version=f"multirrelu {__version__}", help="print the version")
    whole.set_defaults(run=report.run)
    report.add_arguments(whole)
    commands = whole.add_subparsers(title="commands, instead of the report", metavar="COMMAND [OPTION ...]", prog=PROGRAM)
    for name, module in COMMANDS.items():
        one = commands.add_parser(name, help=module.ABOUT.partition("\n")[0], **about(module))
        module.add_arguments(one)
        one.set_defaults(run=module.run)
    return whole


def about(command: ModuleType) -> dict[str, Any]:
    """Return the texts of a parser around its options: the purpose of the command, examples, and the exit codes."""
    layout = partial(Help, max_help_position=26)
    return {"description": command.ABOUT, "epilog": f"examples:\n{command.EXAMPLES}\n{CODES}", "formatter_class": layout}


class Help(argparse.RawDescriptionHelpFormatter):
    """A help formatter that folds prose to the width of the terminal, and keeps commands on one line, ready to copy."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(indent + folded(paragraph, width) for paragraph in text.split("\n\n"))


def folded(paragraph: str, width: int) -> str:
    """Return a paragraph folded to lines of at most `width`; indented lines are folded one by one."""
    lines = paragraph.splitlines()
    if not any(line.startswith(" ") for line in lines):
        return textwrap.fill(paragraph, width)
    return "\n".join(line if PROGRAM in line else textwrap.fill(line, width, subsequent_indent=" " * 7) for line in lines)
