"""DTensors over four real processes: the bits of the same array in one piece. ``dtensor_cases.py`` has the cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this PyTorch was built without gloo", allow_module_level=True)
pytest.importorskip("numpy")

from pytorch.dtensor_cases import CASES  # noqa: E402

PROCESSES = 4
PATIENCE = 300  # seconds, for a machine that does much else


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each process found in each case, from one run of them all."""
    folder = tmp_path_factory.mktemp("dtensor")
    script = Path(__file__).with_name("dtensor_process.py")
    env = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    logs = [(folder / f"{rank}.log").open("w+", encoding="utf-8") for rank in range(PROCESSES)]
    running = [
        subprocess.Popen([sys.executable, script, str(rank), str(PROCESSES), folder], env=env, stdout=log, stderr=log)
        for rank, log in enumerate(logs)
    ]
    end = time.monotonic() + PATIENCE
    try:
        for process in running:
            process.wait(max(0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass  # the cases that it did not come to fail, each by itself
    finally:
        for process in running:
            process.kill()
            process.wait()
    results = []
    for rank, log in enumerate(logs):
        log.seek(0)
        path, said = folder / f"{rank}.jsonl", log.read()
        log.close()
        known = dict(map(json.loads, path.read_text(encoding="utf-8").splitlines())) if path.exists() else {}
        results.append((known, said))
    return results


@pytest.mark.parametrize("case", CASES)
def test_dtensor(found, case):
    for rank, (results, log) in enumerate(found):
        wrong = results.get(case, f"this case was not reached; the process wrote:\n{log[-4000:]}")
        assert wrong is None, f"process {rank}: {wrong}"
