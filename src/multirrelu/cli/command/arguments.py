"""Arguments, and types of arguments, that several commands share."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Return a number of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, which is allowed both before and after the name of a command."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, for programs")
