"""``python -m multirrelu``: say what is installed and whether it holds; ``python -m multirrelu demo``: train a classifier."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import report
from .demo import command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m multirrelu",
        description="Report the installed array libraries, the path that each takes and why, and check the known answers on each.",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    commands = parser.add_subparsers(dest="command", metavar="demo")
    command.add_arguments(commands.add_parser("demo", help="train ReLU, leaky ReLU and RReLU side by side on handwritten digits"))
    args = parser.parse_args(argv)
    return command.run(args) if args.command == "demo" else report.run(as_json=args.json)


if __name__ == "__main__":
    sys.exit(main())
