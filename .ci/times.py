"""Keep how long sessions took, for ``nox -l``: ``nox 2>&1 | tee nox.log; python .ci/times.py < nox.log``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

TIMES = Path(__file__).with_name("times.txt")


def took(log: str) -> dict[str, str]:
    """Return each session that was successful, and how long it took, in nox's words."""
    return dict(re.findall(r"Session (\S+) was successful in (.+)\.", log))


def read() -> dict[str, str]:
    """Return what is kept."""
    return dict(line.split(": ") for line in TIMES.read_text(encoding="utf-8").splitlines())


def of(session: str) -> str:
    """Return what is kept of a session, for each Python if it has several, as the end of its description."""
    kept = {name.removeprefix(session): time for name, time in read().items() if re.fullmatch(rf"{session}(-3\.\d+)?", name)}
    return f" [{', '.join(f'{python[1:]}: {time}' if python else time for python, time in kept.items())}]" if kept else ""


if __name__ == "__main__":
    times = {**read(), **took(sys.stdin.read())}
    TIMES.write_text("".join(f"{name}: {time}\n" for name, time in sorted(times.items())), encoding="utf-8")
