"""Calls on tensors that exceptions leave: once a call has been left, nothing is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("numba")

SCRIPT = Path(__file__).parents[1] / "interrupted.py"


@pytest.mark.parametrize(
    ("times", "number"),
    [
        pytest.param("at-random-times", 400, marks=pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of signals")),
        ("at-each-opcode", 500),
    ],
)
def test_a_call_that_is_left_writes_no_more(times, number):
    command = [sys.executable, str(SCRIPT), "torch", times, str(number)]
    # Not measured: what strikes inside of the tracer would leave it with its own lock held.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert int(done.stdout) >= number
