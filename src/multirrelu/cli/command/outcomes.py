"""The outcomes of a run of pytest: counts, failures, and the exit code."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from .exits import CANNOT, FINE, INTERRUPTED, WRONG

CODES = {0: FINE, 1: WRONG}  # pytest's other codes: a usage error, an error during collection, no test selected


class Outcomes:
    """A pytest plugin that counts outcomes; `status` is pytest's exit code after the run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[dict[str, str]] = []
        self.status = 0
        self.interrupted = False
        self.begin = time.perf_counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test once: by its call, or by a setup or teardown that did not pass."""
        if report.when == "call" or not report.passed:
            outcome = "errors" if report.failed and report.when != "call" else report.outcome
            self.counts[outcome] += 1
            if report.failed:
                self.failures.append({"test": report.nodeid.partition("::")[2], "why": why(report)})

    def pytest_keyboard_interrupt(self) -> None:
        """Record the interrupt, for which pytest has the exit code of an error during collection."""
        self.interrupted = True

    @property
    def code(self) -> int:
        """The exit code of the command."""
        if self.interrupted:
            return INTERRUPTED
        # pytest reports success where every selected test is skipped, but that is no verdict on a backend.
        return CODES.get(self.status, CANNOT) if self.counts["passed"] or self.status else CANNOT

    def summary(self) -> dict[str, Any]:
        """Return counts, time, failures and exit code, for JSON."""
        counts = {what: self.counts[what] for what in ("passed", "failed", "errors", "skipped")}
        return {**counts, "seconds": round(time.perf_counter() - self.begin, 3), "failures": self.failures, "exit_code": self.code}


def why(report: Any) -> str:
    """Return the message of a failure, without the traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)
