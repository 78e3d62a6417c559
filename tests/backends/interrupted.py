"""A process whose calls are left by exceptions, and which fails on a late write.

``interrupted.py LIBRARY at-random-times NUMBER`` or ``interrupted.py LIBRARY at-each-opcode LEAST``; it prints how many calls were left.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import multirrelu
import multirrelu_backends

FOLDER = str(Path(multirrelu_backends.__file__).parent)
SIZE = 1 << 20


class Struck(BaseException):
    """What strikes, once or more often."""


def at_random_times(call: Any, number: int) -> Iterator[None]:
    """Yield each time that the call was left by an exception, and soon after, or while that came out, by another."""
    dice, strikes = random.Random(number), 0

    def strike(*_: object) -> None:
        nonlocal strikes
        if strikes:
            strikes -= 1
            raise Struck

    signal.signal(signal.SIGALRM, strike)
    for _ in range(number):
        strikes = 2
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + 0.002 * dice.random(), 1e-4)
                while True:
                    call()
            except Struck:
                while strikes:
                    pass
        except Struck:
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        yield


def at_each_opcode(call: Any, least: int) -> Iterator[None]:
    """Yield each time that the call was left, before one and then another of the opcodes that it passes in our backends."""
    left = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(FOLDER):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise Struck
        return trace

    for opcode in range(1, 100_000):
        left = opcode
        sys.settrace(trace)
        try:
            call()
        except Struck:
            sys.settrace(None)
            yield
        else:
            sys.settrace(None)
            assert opcode > least, f"a call passes but {opcode} opcodes"
            return


def main(library: str, times: str, number: int) -> None:
    x = np.random.default_rng(0).standard_normal(SIZE, dtype=np.float32)
    out, mark = np.empty_like(x), np.full_like(x, 7)
    given, written = x, out
    if library == "torch":
        import torch

        given, written = torch.from_numpy(x), torch.from_numpy(out)

    def call() -> None:
        multirrelu.rrelu(given, training=True, rng=1, out=written)

    call()
    want, left = out.copy(), 0
    for _ in {"at-random-times": at_random_times, "at-each-opcode": at_each_opcode}[times](call, number):
        left += 1
        out[:] = mark
        time.sleep(0.001 * (left % 4))
        assert np.array_equal(out, mark), f"written to after call {left} was left"
    call()
    assert np.array_equal(out, want)
    print(left)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
