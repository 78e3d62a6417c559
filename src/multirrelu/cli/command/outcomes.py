"""What became of a run of pytest: counts, failures, and the exit code."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from .exits import CANNOT, FINE, INTERRUPTED, WRONG

CODES = {0: FINE, 1: WRONG}  # pytest's others: a usage error, an error while collecting, no test that was chosen


class Outcomes:
    """A plugin of pytest that counts; `status` is pytest's exit code, once there is one."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[dict[str, str]] = []
        self.status = 0
        self.interrupted = False
        self.begin = time.perf_counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test once: by its call, or by what did not let it come to that."""
        if report.when == "call" or not report.passed:
            outcome = "errors" if report.failed and report.when != "call" else report.outcome
            self.counts[outcome] += 1
            if report.failed:
                self.failures.append({"test": report.nodeid.partition("::")[2], "why": why(report)})

    def pytest_keyboard_interrupt(self) -> None:
        """Remember it: pytest's exit code is that of an error while collecting."""
        self.interrupted = True

    @property
    def code(self) -> int:
        """The exit code of the command."""
        if self.interrupted:
            return INTERRUPTED
        # To pytest all is well where every chosen test is skipped; to whoever asks for a verdict it is none.
        return CODES.get(self.status, CANNOT) if self.counts["passed"] or self.status else CANNOT

    def summary(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        counts = {what: self.counts[what] for what in ("passed", "failed", "errors", "skipped")}
        return {**counts, "seconds": round(time.perf_counter() - self.begin, 3), "failures": self.failures, "exit_code": self.code}


def why(report: Any) -> str:
    """Return the message of a failure, without the traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)
