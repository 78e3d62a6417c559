"""Print for people: tables that fit the terminal, plain lines elsewhere; colours and progress only on a terminal."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

PAUSE = 10.0
"""The number of seconds between two lines of progress."""
LAST = 24
"""The least width of the last column of a table."""


class Cell(NamedTuple):
    """A cell of a table, with a style of Rich such as ``bold red``."""

    text: str
    style: str = ""


class Step(Protocol):
    """A function that advances a progress bar by `done` steps and names the current work."""

    def __call__(self, done: int = 1, *, doing: str | None = None) -> None:
        """Advance the bar."""


def console(*, stderr: bool = False) -> Any:
    """Return Rich's console if Rich is installed and the output is a terminal, else None; ``NO_COLOR`` turns all escape codes off."""
    there = (sys.stderr if stderr else sys.stdout).isatty() or os.environ.get("FORCE_COLOR")
    if not there or find_spec("rich") is None:
        return None
    from rich.console import Console

    class Output(Console):  # type: ignore[misc]  # Rich is optional, so Any to mypy
        """Rich's console, except that a closed pipe raises, so that the command line sets the exit code."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    colours = None if os.environ.get("NO_COLOR") else "auto"
    return Output(stderr=stderr, highlight=False, force_terminal=True, color_system=colours)


def show(header: Sequence[str], rows: Sequence[Sequence[Cell | str]], right: Sequence[str] = ()) -> None:
    """Print a table that fits the terminal, or elsewhere a line for each row; the columns in `right` are right-aligned.

    Where the terminal is too narrow for the columns, the cells of a row are stacked.
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    terminal, lines = console(), plain(header, cells, right)
    columns = width(terminal)
    # Rich folds only the last column.
    needed = lines if terminal is None else [line + " " * LAST for line in plain(header[:-1], [row[:-1] for row in cells], right)]
    if columns is not None and max(map(len, needed)) > columns:
        stacked(header, cells)
        return
    if terminal is None:
        print("\n".join(lines))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in header:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name != header[-1], overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell.text, cell.style) for cell in row))  # `Text`, because a string such as [numpy] would be read as a style
    terminal.print(table)


def stacked(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print each row as a paragraph: its first cell, then the others, each with its name."""
    for row in rows:
        say(row[0].text, row[0].style)
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell.text:
                say(f"{name}: {cell.text}", cell.style, indent="  ")


def width(terminal: Any) -> int | None:
    """Return the width of the terminal, from Rich where it is installed, or None where the output is no terminal."""
    if terminal is not None:
        return int(terminal.width)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def plain(header: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[str]) -> list[str]:
    """Return the lines of a table; the last column is as wide as its text."""
    texts = [tuple(header), *(tuple(cell.text for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    sides = [str.rjust if name in right else str.ljust for name in header]
    return ["  ".join(side(text, width) for side, text, width in zip(sides, row, widths, strict=True)).rstrip() for row in texts]


def say(text: str, style: str = "", indent: str = "") -> None:
    """Print a paragraph, folded between words on a terminal."""
    terminal = console()
    if (columns := width(terminal)) is not None:
        parts = text.split("\n")
        text = "\n".join(textwrap.fill(part, columns, initial_indent=indent, subsequent_indent=indent * 2) for part in parts)
    if terminal is None:
        print(text, flush=True)
    else:
        terminal.print(text, style=style, markup=False)


def note(text: str) -> None:
    """Print a paragraph in a dim style."""
    say(text, "dim")


class Lines:
    """Progress as lines of text: few enough for a file, and often enough for a person who waits."""

    def __init__(self, total: int) -> None:
        self.total, self.reached, self.doing, self.said = total, 0, "", time.monotonic()

    def __call__(self, done: int = 1, *, doing: str | None = None) -> None:
        """Count steps, and print the progress where the last line is `PAUSE` seconds old."""
        self.reached += done
        self.doing = self.doing if doing is None else f": {doing}"
        if (now := time.monotonic()) - self.said >= PAUSE:
            self.said = now
            print(f"{100 * self.reached // max(self.total, 1)} %{self.doing}", file=sys.stderr, flush=True)


@contextmanager
def progress(total: int) -> Iterator[Step]:
    """Show the progress on standard error: a bar on a terminal with colours, else a line every few seconds."""
    terminal = console(stderr=True)
    if terminal is None or terminal.color_system is None:
        yield Lines(total)
        return
    from rich.progress import Progress

    with Progress(console=terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done=1, *, doing=None: bar.update(task, advance=done, description=doing)
