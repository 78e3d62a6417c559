"""What people see: tables that fit the terminal, plain lines elsewhere; colours and progress only where they can be seen."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol


class Cell(NamedTuple):
    """A table's cell, with a style in Rich's words such as ``bold red``."""

    text: str
    style: str = ""


class Step(Protocol):
    """What moves a progress bar: by `done` steps, and says what is at work."""

    def __call__(self, done: int = 1, *, doing: str | None = None) -> None:
        """Move the bar."""


def console(*, stderr: bool = False) -> Any:
    """Return Rich's console where Rich and a terminal are there, or None; ``NO_COLOR`` keeps it from all escape codes."""
    there = (sys.stderr if stderr else sys.stdout).isatty() or os.environ.get("FORCE_COLOR")
    if not there or find_spec("rich") is None:
        return None
    from rich.console import Console

    class Output(Console):  # type: ignore[misc]  # optional, so Any to mypy
        """Rich's, which leaves the exit code of a pipe that is closed to the command line."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    colours = None if os.environ.get("NO_COLOR") else "auto"
    return Output(stderr=stderr, highlight=False, force_terminal=True, color_system=colours)


def show(header: Sequence[str], rows: Sequence[Sequence[Cell | str]], right: Sequence[str] = ()) -> None:
    """Print a table, with the columns that `right` names set to the right: as wide as the terminal, or a line for each row."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    terminal = console()
    if terminal is None:
        print("\n".join(plain(header, cells, right)))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in header:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name != header[-1], overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell.text, cell.style) for cell in row))  # as text, for `Text` takes no [numpy] for a style
    terminal.print(table)


def plain(header: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[str]) -> list[str]:
    """Return a table's lines; the last column is as long as its text."""
    texts = [tuple(header), *(tuple(cell.text for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    sides = [str.rjust if name in right else str.ljust for name in header]
    return ["  ".join(side(text, width) for side, text, width in zip(sides, row, widths, strict=True)).rstrip() for row in texts]


def say(text: str, style: str = "") -> None:
    """Print a paragraph, folded between words where a terminal is."""
    terminal = console()
    if terminal is None:
        print(text, flush=True)
    else:
        terminal.print(text, style=style, markup=False)


def note(text: str) -> None:
    """Print a paragraph of lesser weight."""
    say(text, "dim")


@contextmanager
def progress(total: int) -> Iterator[Step]:
    """Show a bar on the standard error output, where that is a terminal with colours, until the work is done."""
    terminal = console(stderr=True)
    if terminal is None or terminal.color_system is None:
        yield lambda done=1, *, doing=None: None
        return
    from rich.progress import Progress

    with Progress(console=terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done=1, *, doing=None: bar.update(task, advance=done, description=doing)
