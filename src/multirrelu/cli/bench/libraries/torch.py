"""The workloads of PyTorch, on the processor and on the CUDA device where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as PyTorch's own documents

from .... import rrelu
from ..workload import MIDDLE, SEED, Workload

xp, version = torch, torch.__version__
NATIVE, LEAKY = "torch.nn.functional.rrelu", "torch.nn.functional.leaky_relu"

Function = Callable[[Tensor], Tensor]


def ours(x: Tensor) -> Tensor:
    """Apply `multirrelu.rrelu` in training, with a key from the global generator."""
    result: Tensor = rrelu(x, training=True)
    return result


def native(x: Tensor) -> Tensor:
    """Apply PyTorch's own RReLU in training."""
    return F.rrelu(x, training=True)


def workloads(dtype: str, elements: int) -> Iterator[Workload]:
    """Yield the workloads on each device; PyTorch's RReLU draws only from the global generator, whose state is restored at the end."""
    devices = {"cpu": f"CPU, {torch.get_num_threads()} threads"}
    if torch.cuda.is_available():
        devices["cuda"] = torch.cuda.get_device_name()
    current = [torch.cuda.current_device()] if "cuda" in devices else []
    with torch.random.fork_rng(current):
        for device, name in devices.items():
            wait = (lambda _: torch.cuda.synchronize()) if device == "cuda" else id
            yield from on_device(*tensors(dtype, elements, device), name, wait)


def tensors(dtype: str, elements: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Return two tensors of normally distributed numbers."""
    generator = torch.Generator(device).manual_seed(SEED)
    x, g = (torch.randn(elements, generator=generator, device=device).to(getattr(torch, dtype)) for _ in range(2))
    return x, g


def on_device(x: Tensor, g: Tensor, device: str, wait: Callable[[object], object] = id) -> Iterator[Workload]:
    """Yield the workloads on one device."""
    leaf = x.detach().requires_grad_()
    pairs: dict[str, tuple[Callable[[], object], str, Callable[[], object]]] = {
        "training": (lambda: ours(x), NATIVE, lambda: native(x)),
        "evaluation": (lambda: rrelu(x), LEAKY, lambda: F.leaky_relu(x, MIDDLE)),
        "backward": (backward(ours, leaf, g), NATIVE, backward(native, leaf, g)),
        "both passes": (both(ours, leaf, g), NATIVE, both(native, leaf, g)),
    }
    for work, (first, peer, second) in pairs.items():
        yield Workload(device, work, first, x.clone, peer, second, wait)


def both(function: Function, leaf: Tensor, g: Tensor) -> Callable[[], object]:
    """Return a call of the forward and the backward pass."""
    return lambda: torch.autograd.grad(function(leaf), leaf, g)


def backward(function: Function, leaf: Tensor, g: Tensor) -> Callable[[], object]:
    """Return the backward pass alone, through one graph that is used again and again."""

    @cache  # the first call makes it, because PyTorch cannot make it in every dtype
    def graph() -> Tensor:
        return function(leaf)

    return lambda: torch.autograd.grad(graph(), leaf, g, retain_graph=True)
