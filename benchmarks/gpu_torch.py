"""The workloads and the clock of PyTorch for `gpu`: those of the command, Triton's kernel alone, and blocks that Inductor compiles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import networks
import result
import torch

from multirrelu.bounds import lattice
from multirrelu.cli.bench.libraries.torch import NATIVE, on_device, tensors
from multirrelu.cli.bench.timing import events
from multirrelu.cli.bench.workload import COPY, LOWER, OURS, SEED, UPPER

DEVICE = "cuda"
ROWS, WIDTH = 1 << 13, 1 << 10  # the shape of a block's input
xp, CLOCK = torch, events(partial(torch.cuda.Event, enable_timing=True), torch.cuda.Event.elapsed_time)


def gpu() -> str | None:
    """Return the name of the GPU, if there is one."""
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def free() -> int:
    """Return the bytes of free memory."""
    return int(torch.cuda.mem_get_info()[0])


def release() -> None:
    """Free the memory that PyTorch caches for later tensors, so that another library can use it."""
    torch.cuda.empty_cache()


def workloads(dtype: str, elements: int) -> dict[str, result.Work]:
    """Return the functions of each case; in training and the backward pass, Triton's kernel writes to a tensor that is there."""
    from multirrelu_backends._triton import enqueue

    x, g = tensors(dtype, elements, DEVICE)
    ways = {one.work: one.ways for one in on_device(x, g, DEVICE)}
    y, points, training = torch.empty_like(x), lattice(LOWER, UPPER), ways["training"]
    copy = {COPY: lambda: y.copy_(x)}
    return {
        "training": {
            OURS: lambda: enqueue(x, x, y, points, SEED),
            **copy,
            "multirrelu.rrelu, a new tensor": training[OURS],
            NATIVE: training[NATIVE],
        },
        "evaluation": {**ways["evaluation"], NATIVE: lambda: torch.nn.functional.rrelu(x, LOWER, UPPER)},
        "backward": {**ways["backward"], OURS: lambda: enqueue(g, x, y, points, SEED), **copy},
        "both passes": {**ways["both passes"], **copy},
    }


def small(dtype: str, elements: int) -> result.Work:
    """Return the functions of a small call."""
    ways = {one.work: one.ways for one in on_device(*tensors(dtype, elements, DEVICE), DEVICE)}
    found = ways["training"] | ways["evaluation"] | {OURS: ways["training"][OURS]}
    return {name: way for name, way in found.items() if name != COPY}


class Gain(torch.nn.Module):
    """A bias, an activation and a gain, which Inductor fuses into one kernel where it can."""

    def __init__(self, activation: torch.nn.Module) -> None:
        super().__init__()
        self.activation = activation
        self.bias, self.gain = torch.nn.Parameter(torch.zeros(WIDTH)), torch.nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(x + self.bias) * self.gain


def perceptron(activation: torch.nn.Module) -> torch.nn.Module:
    """Return an activation between two linear layers."""
    return torch.nn.Sequential(torch.nn.Linear(WIDTH, 4 * WIDTH), activation, torch.nn.Linear(4 * WIDTH, WIDTH))


def blocks() -> Iterator[tuple[str, str, int, result.Work]]:
    """Yield compiled blocks, as a case, a dtype, the elements of the activation, and both passes with each activation."""
    for block, make, dtype, wider in (
        ("bias, activation and gain", Gain, "float32", 1),
        ("bias, activation and gain", Gain, "bfloat16", 1),
        ("linear, activation, linear", perceptron, "bfloat16", 4),
    ):
        x, g = (part.reshape(ROWS, WIDTH) for part in tensors(dtype, ROWS * WIDTH, DEVICE))
        yield f"{block}: both passes, compiled", dtype, ROWS * WIDTH * wider, networks.compiled(make, x, g)
