"""The workloads and timings of PyTorch for `gpu`: Triton's kernel alone, the public functions, and blocks that Inductor compiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from gpu_events import in_turn
from gpu_workloads import BOUNDS, COPY, LAUNCH, OURS, SMALL, Skipped, Work, need

import multirrelu
from multirrelu.bounds import lattice, midpoint
from multirrelu.layers.torch import RReLU

DEVICE = "cuda"
ROWS, WIDTH = 1 << 13, 1 << 10  # the shape of a block's input
THEIRS = "torch.nn.functional.rrelu"


def gpu() -> str:
    """Return the name of the GPU."""
    if not torch.cuda.is_available():
        raise Skipped("it finds no GPU")
    return str(torch.cuda.get_device_name())


def times(work: Work, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each function, on PyTorch's current stream."""
    return in_turn(work, rounds, lambda: torch.cuda.Event(enable_timing=True), lambda start, end: start.elapsed_time(end))


def release() -> None:
    """Free the memory that PyTorch caches for later tensors, so that another library can use it."""
    torch.cuda.empty_cache()


def workloads(dtype: str, elements: int) -> dict[str, Work]:
    """Return the functions of each case."""
    from multirrelu_backends._triton import enqueue

    need(torch.cuda.mem_get_info()[0], dtype, elements)
    x = torch.randn(elements, device=DEVICE).to(getattr(torch, dtype))
    y, g, leaf, points = torch.empty_like(x), torch.ones_like(x), x.detach().requires_grad_(), lattice(*BOUNDS)
    theirs, leaky = torch.nn.functional.rrelu, torch.nn.functional.leaky_relu

    def both(activation: Callable[..., Any], **options: Any) -> Callable[[], object]:
        return lambda: torch.autograd.grad(activation(leaf, *BOUNDS, training=True, **options), leaf, g)

    copy = {COPY: lambda: y.copy_(x)}
    own = {THEIRS: lambda: theirs(x, *BOUNDS, training=True)}
    if elements == SMALL:
        ours = {OURS: lambda: multirrelu.rrelu(x, *BOUNDS, training=True)}
        return {LAUNCH: {**ours, **own, "torch.nn.functional.leaky_relu": lambda: leaky(x, midpoint(*BOUNDS))}}
    new = {"multirrelu.rrelu, a new tensor": lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1)}
    return {
        "training": {OURS: lambda: enqueue(x, x, y, points, 1), **copy, **new, **own},
        "pullback": {OURS: lambda: enqueue(g, x, y, points, 1), **copy},
        "forward and backward": {OURS: both(multirrelu.rrelu, rng=1), **copy, THEIRS: both(theirs)},
        "evaluation": {
            OURS: lambda: multirrelu.rrelu(x, *BOUNDS),
            COPY: x.clone,
            "torch.nn.functional.leaky_relu": lambda: leaky(x, midpoint(*BOUNDS)),
            THEIRS: lambda: theirs(x, *BOUNDS),
        },
    }


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


def blocks() -> Iterator[tuple[str, str, int, Work]]:
    """Yield compiled blocks, as a case, a dtype, the elements of the activation, and a training step of each activation."""
    for block, make, dtype, wider in (
        ("bias, activation and gain", Gain, "float32", 1),
        ("bias, activation and gain", Gain, "bfloat16", 1),
        ("linear, activation, linear", perceptron, "bfloat16", 4),
    ):
        activations = {OURS: RReLU(*BOUNDS), "torch.nn.RReLU": torch.nn.RReLU(*BOUNDS), "torch.nn.LeakyReLU": torch.nn.LeakyReLU()}
        work = {name: _step(make(activation), getattr(torch, dtype)) for name, activation in activations.items()}
        yield f"{block}: both passes, compiled", dtype, ROWS * WIDTH * wider, work


def _step(block: torch.nn.Module, dtype: torch.dtype) -> Callable[[], object]:
    compiled = torch.compile(block.to(DEVICE, dtype))
    x = torch.randn(ROWS, WIDTH, device=DEVICE).to(dtype).requires_grad_()
    wanted, g = [x, *block.parameters()], torch.ones_like(x)
    return lambda: torch.autograd.grad(compiled(x), wanted, g)
