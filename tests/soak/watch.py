"""Child processes, and how each has ended: well, with something wrong, by a crash, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

ENDS = ("crashed", "hung", "wrote late", "wrong")


class End(NamedTuple):
    """How a child ended (an empty text, or one of `ENDS`), what it counted, and what it said of it."""

    how: str
    counts: Counter[str]
    said: str


def watch(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> End:
    """Run a child for so many seconds at most, and say how it ended; one that hangs shows where, and goes with all its children."""
    # An exception of a signal handler that strikes inside of coverage's tracer leaves the tracer's lock held: children are not measured.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *command],
        env={**inherited, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler tells what each thread is at
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        _end_group(process)
        return End("hung", Counter(), process.communicate()[1])
    _end_group(process)
    if process.returncode == 0:
        return End("", Counter(json.loads(out.splitlines()[-1] if out else "{}")), said)
    if process.returncode < 0:
        return End("crashed", Counter(), f"{signal.Signals(-process.returncode).name}\n{said}")
    return End("hung" if " hangs in " in said else "wrote late" if "LateError" in said else "wrong", Counter(), said)


def _end_group(process: subprocess.Popen[str]) -> None:
    """End what a child has left behind: its session is a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
