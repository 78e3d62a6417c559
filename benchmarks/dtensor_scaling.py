"""Measure how DTensors scale from one process to two, each with one thread.

Weak scaling is twice the elements in twice the processes, strong scaling the same elements in twice the processes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import result
import torch
import torch.distributed as dist
from torch import multiprocessing
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard

from multirrelu import rrelu
from multirrelu.cli.bench.timing import in_turn, medians, ratio

PROCESSES = 2
KEY = 42


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


def works(rank: int, elements: int) -> result.Work:
    """Return the calls of one process."""
    meshes = {count: DeviceMesh("cpu", list(range(count))) for count in range(1, PROCESSES + 1)}
    found: result.Work = {"nothing": together(lambda: None, takes_part=True)}
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
    seconds = in_turn(works(rank, elements), rounds)
    if rank == 0:
        (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
    dist.destroy_process_group()


def compared(seconds: dict[str, list[float]], elements: int) -> Iterator[result.Row]:
    """Yield the rows: 1 is perfect weak scaling, and the number of processes is perfect strong scaling."""
    for case in (one.__name__ for one in CASES):
        for name, ours, peer, there, here in (
            ("weak scaling", f"{PROCESSES} processes", "one process", f"weak, {PROCESSES}", "weak, 1"),
            ("strong scaling", f"{PROCESSES} processes", "one process", f"strong, {PROCESSES}", "strong, 1"),
            ("a DTensor in one process", "a DTensor", "a tensor", "weak, 1", "tensor"),
        ):
            pair = {ours: seconds[f"{case}, {there}"], peer: seconds[f"{case}, {here}"]}
            about = {"case": f"{case}, {name}", "dtype": "float32", "elements": elements, "asked": {}}
            yield {**about, "seconds": medians(pair), "ratios": {peer: ratio(pair, peer, ours)}}


def rows(elements: int, rounds: int) -> Iterator[result.Row]:
    """Start the processes and yield what they have measured; the elements are those of one process."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(process, (Path(folder), elements, rounds), nprocs=PROCESSES)
        seconds = json.loads((Path(folder) / "seconds.json").read_text(encoding="utf-8"))
    nothing = {"case": "nothing", "dtype": "float32", "elements": elements, "asked": {}, "ratios": {}}
    yield {**nothing, "seconds": {f"{PROCESSES} processes": medians(seconds)["nothing"]}}
    yield from compared(seconds, elements)


if __name__ == "__main__":
    result.main("dtensor-cpu", 1 << 22, rows, packages=("numpy", "numba", "torch"), threads=1)
