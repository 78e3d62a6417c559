"""Measure how DTensors scale from one process to two, each with one thread: a table, and JSON under ``benchmarks/results``.

Weak scaling is twice the elements in twice the processes, strong scaling the same elements in twice the processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import report
import timing
import torch
import torch.distributed as dist
from torch import multiprocessing
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard

from multirrelu import rrelu

PROCESSES = 2
KEY = 42
Work = dict[str, Callable[[], object]]


def forward(x: torch.Tensor, g: torch.Tensor, rng: int | None = KEY) -> object:
    """Apply `rrelu` in training, the forward pass alone."""
    return rrelu(x.detach(), training=True, rng=rng)


def forward_with_a_key_that_is_sent(x: torch.Tensor, g: torch.Tensor) -> object:
    """Apply `rrelu` in training, with a key from the first process's generator."""
    return forward(x, g, None)


def both_passes(x: torch.Tensor, g: torch.Tensor) -> object:
    """Apply `rrelu` in training, forward and backward."""
    return torch.autograd.grad(rrelu(x, training=True, rng=KEY), x, g)


CASES = forward, forward_with_a_key_that_is_sent, both_passes


def together(function: Callable[..., object], takes_part: bool, *arguments: torch.Tensor) -> Callable[[], object]:
    """Return a call that all processes begin and end together, including those that do no work in it."""

    def call() -> None:
        dist.barrier()
        if takes_part:
            function(*arguments)
        dist.barrier()

    return call


def works(rank: int, elements: int) -> Work:
    """Return the calls of one process."""
    meshes = {count: DeviceMesh("cpu", list(range(count))) for count in range(1, PROCESSES + 1)}
    found: Work = {"nothing": together(lambda: None, takes_part=True)}
    for case in CASES:
        for count, mesh in meshes.items():
            for scaling, here in ("weak", elements), ("strong", elements // count):
                x, g = torch.randn(2, here, generator=torch.Generator().manual_seed(rank))
                spread = [DTensor.from_local(piece, mesh, [Shard(0)], run_check=False) for piece in (x, g)]
                name = f"{case.__name__}, {scaling}, {count}"
                found[name] = together(case, rank < count, spread[0].requires_grad_(), spread[1])
        x, g = torch.randn(2, elements)
        found[f"{case.__name__}, tensor"] = together(case, rank == 0, x.requires_grad_(), g)
    return found


def process(rank: int, folder: Path, elements: int, rounds: int) -> None:
    """Run one of the processes; the first writes its measurements."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=PROCESSES)
    seconds = timing.in_turn(works(rank, elements), rounds)
    if rank == 0:
        (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
    dist.destroy_process_group()


def figures(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return the ratios: 1 is perfect weak scaling, and the number of processes is perfect strong scaling."""
    found = {}
    for case in (one.__name__ for one in CASES):
        for scaling in "weak", "strong":
            one, many = (f"{case}, {scaling}, {count}" for count in (1, PROCESSES))
            found[f"{case}, {scaling} scaling over {PROCESSES} processes"] = timing.ratio(seconds, one, many)
        found[f"{case}, a DTensor in one process beside a tensor"] = timing.ratio(seconds, f"{case}, tensor", f"{case}, weak, 1")
    return found


def measure(elements: int, rounds: int) -> dict[str, Any]:
    """Start the processes and return their measurements."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(process, (Path(folder), elements, rounds), nprocs=PROCESSES)
        seconds = json.loads((Path(folder) / "seconds.json").read_text(encoding="utf-8"))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    machine = {**report.machine("numpy", "numba", "torch"), "threads": 1}
    return {"machine": machine, "dtype": "float32", "elements": elements, "seconds": medians, "figures": figures(seconds)}


def main() -> None:
    """Measure with the sizes on the command line, print the table, and save the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=1 << 22, help="of one process")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--name", default="dtensor-cpu", help="of the file under benchmarks/results")
    options = parser.parse_args()
    result = measure(options.elements, options.rounds)
    for name, value in result["machine"].items():
        print(f"{name}: {value}")
    for name, value in result["seconds"].items():
        print(f"{name:60s} {1e3 * value:9.3f} ms")
    for name, value in result["figures"].items():
        print(f"{name:90s} {value:6.2f}")
    report.RESULTS.mkdir(exist_ok=True)
    path = report.RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nkept in {path}")


if __name__ == "__main__":
    main()
