"""Guard the standard outputs: where one is full, closed or missing, a command ends with a line and an exit code, without a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .exits import CANNOT

# The reader has closed the pipe, as `head` does. Windows has its own error for that: https://github.com/python/cpython/issues/79935
GONE = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


def guarded(command: Callable[[], int]) -> int:
    """Run a command and return its exit code, or the exit code for an output that cannot be written."""
    prepare()
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # the error can be caught here, but no longer when Python exits
    except OSError as error:
        if error.errno not in GONE or error.filename is not None:
            complain(str(error))
        return CANNOT
    finally:
        drop_unwritten()


def prepare() -> None:
    """Make both outputs accept any text; a missing output (None) is replaced by the null device."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does for standard error


def complain(text: str) -> None:
    """Print a line to standard error, if that can be written."""
    with suppress(OSError):
        print(f"multirrelu: {text}", file=sys.stderr)


def drop_unwritten() -> None:
    """Redirect an output that cannot be written to the null device: else Python exits with a message and exit code 120.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
