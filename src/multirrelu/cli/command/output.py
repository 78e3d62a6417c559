"""The standard outputs: one that is full, closed or missing ends a command with a line and an exit code, not with a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .exits import CANNOT

# The reader has gone, as `head` does. Windows has an error of its own for that: https://github.com/python/cpython/issues/79935
GONE = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


def guarded(command: Callable[[], int]) -> int:
    """Run a command and return its exit code, or that of an output which cannot be written."""
    prepare()
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # here the error can be caught, at the end of Python no more
    except OSError as error:
        if error.errno not in GONE or error.filename is not None:
            complain(str(error))
        return CANNOT
    finally:
        drop_unwritten()


def prepare() -> None:
    """Make both outputs take any text; one that is missing (None) takes it nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as the process lasts
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does with the standard error output


def complain(text: str) -> None:
    """Print a line on the standard error output, unless that cannot be written either."""
    with suppress(OSError):
        print(f"multirrelu: {text}", file=sys.stderr)


def drop_unwritten() -> None:
    """Send nowhere what an output does not take: else Python complains of it as it ends, with exit code 120.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
