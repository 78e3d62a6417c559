"""The workloads of PyTorch, on the processor and on the CUDA device where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import rrelu as native

from .... import rrelu
from ..workload import SEED, Workload

xp, version = torch, torch.__version__

Function = Callable[[Tensor], Tensor]


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads on each device; PyTorch's RReLU draws only from the global generator, whose state is restored at the end."""
    devices = {"cpu": f"CPU, {torch.get_num_threads()} threads"}
    if torch.cuda.is_available():
        devices["cuda"] = torch.cuda.get_device_name()
    current = [torch.cuda.current_device()] if "cuda" in devices else []
    with torch.random.fork_rng(current):
        for device, name in devices.items():
            generator = torch.Generator(device).manual_seed(SEED)
            x, g = (torch.randn(elements, generator=generator, device=device).to(getattr(torch, dtype)) for _ in range(2))
            yield from on_device(x, g, name, (lambda _: torch.cuda.synchronize()) if device == "cuda" else id)


def on_device(x: Tensor, g: Tensor, device: str, wait: Callable[[object], object]) -> Iterator[Workload]:
    """Yield the workloads on one device."""
    ours, theirs = partial(rrelu, training=True, rng=SEED), partial(native, training=True)
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "training": (lambda: ours(x), lambda: theirs(x)),
        "evaluation": (lambda: rrelu(x), lambda: native(x)),
        "backward": (backward(ours, x, g), backward(theirs, x, g)),
    }
    for work, (first, second) in pairs.items():
        yield Workload(device, work, first, x.clone, "torch.nn.functional.rrelu", second, wait)


def backward(function: Function, x: Tensor, g: Tensor) -> Callable[[], object]:
    """Return the backward pass alone, through one graph that is used again and again."""

    @cache  # the first call makes it, because PyTorch cannot make it in every dtype
    def graph() -> tuple[Tensor, Tensor]:
        leaf = x.clone().requires_grad_()
        return function(leaf), leaf

    return lambda: torch.autograd.grad(*graph(), g, retain_graph=True)
