"""One of the processes of ``test_dtensor.py``: runs every case, and writes what went wrong in which."""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from datetime import timedelta
from pathlib import Path

import dtensor_cases
import pytest
import torch
import torch.distributed as dist


def main(rank: int, size: int, folder: Path) -> None:
    torch.set_num_threads(1)
    patience = timedelta(seconds=120)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=size, timeout=patience)
    meshes = dtensor_cases.meshes()
    with (folder / f"{rank}.jsonl").open("w", encoding="utf-8") as results:
        for name, (case, mesh, *rest) in dtensor_cases.CASES.items():
            wrong = None
            try:
                case(meshes[mesh], *rest)
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 (the test that asks for this case fails by it)
                wrong = traceback.format_exc()
            results.write(json.dumps([name, wrong]) + "\n")
            results.flush()
    dist.destroy_process_group()


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")  # nobody writes to it
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
