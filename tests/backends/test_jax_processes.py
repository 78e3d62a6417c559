"""JAX arrays over several processes: each chunk has the bits of the array in one piece, and nothing is sent from one to another."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("numpy")
pytest.importorskip("jax")

import jax_worker

SECONDS = 300  # for all cases together, on a machine that has other work


@contextmanager
def free_port():
    """Give a port that stays reserved: JAX's server can take it as well, for both ask for SO_REUSEPORT, and no other program can."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def errors(count, cases, place):
    """Return for each of so many processes the error of every case, or None."""
    with free_port() as port:
        processes = [start(count, number, f"127.0.0.1:{port}", place, cases) for number in range(count)]
        try:
            for process in processes:
                process.wait(SECONDS)
        finally:
            for process in processes:
                process.kill()
                process.wait()
    codes = [process.returncode for process in processes]
    assert codes == [0] * count, "\n".join((place / f"{number}.log").read_text(encoding="utf-8") for number in range(count))
    return [dict(map(json.loads, (place / f"{number}.jsonl").read_text(encoding="utf-8").splitlines())) for number in range(count)]


def start(count, number, address, place, cases):
    command = [sys.executable, "-W", "error", jax_worker.__file__, *map(str, (count, number, address, place / f"{number}.jsonl"))]
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}  # which may set the number of devices
    with (place / f"{number}.log").open("wb") as log:
        return subprocess.Popen([*command, *cases], env=env, stdout=log, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return errors(2, jax_worker.CASES, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    return errors(4, jax_worker.FEW, tmp_path_factory.mktemp("four"))


@pytest.mark.parametrize("case", jax_worker.CASES)
def test_two_processes(two, case):
    none_failed(two, case)


@pytest.mark.parametrize("case", jax_worker.FEW)
def test_four_processes(four, case):
    none_failed(four, case)


def none_failed(processes, case):
    failed = [error for error in (process[case] for process in processes) if error is not None]
    assert not failed, failed[0]
