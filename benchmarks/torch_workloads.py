"""The workloads of PyTorch: our function and PyTorch's own on the same tensors, both with its global generator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
from report import OURS, Work
from torch import Tensor, nn
from torch.nn import functional

import multirrelu
from multirrelu.layers.torch import RReLU, convert_rrelu

COPY, NATIVE, IN_PLACE, LEAKY, LAYER = "copy", "F.rrelu", "F.rrelu_", "F.leaky_relu", "nn.RReLU"
MEAN = 11 / 48


def tensor(dtype: str, elements: int) -> Tensor:
    """Return a tensor of normally distributed numbers."""
    return torch.randn(elements, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))


def ours(x: Tensor) -> Tensor:
    """Apply `multirrelu.rrelu` in training."""
    result: Tensor = multirrelu.rrelu(x, training=True)
    return result


def native(x: Tensor) -> Tensor:
    """Apply PyTorch's own RReLU in training."""
    return functional.rrelu(x, training=True)


def training(dtype: str, elements: int) -> Work:
    """Training, the forward pass alone, to a new tensor."""
    x = tensor(dtype, elements)
    # PyTorch has no training in float16 on the CPU.
    theirs: Work = {NATIVE: lambda: native(x)} if dtype != "float16" else {}
    return {OURS: lambda: ours(x), **theirs, COPY: x.clone}


def both_passes(dtype: str, elements: int) -> Work:
    """Training, forward and backward."""
    x, g = tensor(dtype, elements).requires_grad_(), tensor(dtype, elements)
    work = {OURS: passes(ours, x, g)}
    return work if dtype == "float16" else {**work, NATIVE: passes(native, x, g)}


def passes(function: Callable[[Tensor], Tensor], x: Tensor, g: Tensor) -> Callable[[], object]:
    """Return a function that runs the forward and the backward pass."""
    return lambda: torch.autograd.grad(function(x), x, g)


def evaluation(dtype: str, elements: int) -> Work:
    """Evaluation, to a new tensor."""
    x = tensor(dtype, elements)
    return {OURS: lambda: multirrelu.rrelu(x), LEAKY: lambda: functional.leaky_relu(x, MEAN), COPY: x.clone}


def in_place(dtype: str, elements: int) -> Work:
    """Training, in place and without gradients."""
    x, y = tensor(dtype, elements), tensor(dtype, elements)

    def with_ours() -> None:
        with torch.no_grad():
            multirrelu.rrelu(x, training=True, inplace=True)

    def with_theirs() -> None:
        with torch.no_grad():
            functional.rrelu_(y, training=True)

    return {OURS: with_ours, IN_PLACE: with_theirs}


def cnn(dtype: str, elements: int) -> Work:
    """A training step of a small convolutional network, on enough images for the given number of elements in all activations."""
    theirs = network().to(getattr(torch, dtype))
    mine = convert_rrelu(copy.deepcopy(theirs))
    images, labels = batch(dtype, elements)
    return {OURS: step(mine, images, labels), LAYER: step(theirs, images, labels)}


def network() -> nn.Sequential:
    """Return a network of four convolutions for images of 3 by 32 by 32, with 2**16 elements in its activations for each image."""
    torch.manual_seed(0)
    layers = [(3, 32, 1), (32, 64, 2), (64, 128, 2), (128, 128, 1)]
    convolutions = [part for a, b, stride in layers for part in (nn.Conv2d(a, b, 3, stride, padding=1), nn.RReLU())]
    return nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def small_mlp(dtype: str, elements: int) -> Work:
    """A training step of a network of 64-64-64-10 units, on a batch of 32."""
    return perceptron(dtype, (64, 64, 64, 10), 32)


def mlp(dtype: str, elements: int) -> Work:
    """A training step of a network of 784-256-256-10 units, on a batch of 64."""
    return perceptron(dtype, (784, 256, 256, 10), 64)


def perceptron(dtype: str, units: tuple[int, ...], images: int) -> Work:
    """Return a training step of a network of linear layers with an activation between them."""
    torch.manual_seed(0)
    layers = [part for one, next_ in pairwise(units) for part in (nn.Linear(one, next_), nn.RReLU())]
    theirs = nn.Sequential(*layers[:-1]).to(getattr(torch, dtype))
    mine = convert_rrelu(copy.deepcopy(theirs))
    x, labels = tensor(dtype, images * units[0]).reshape(images, units[0]), torch.arange(images) % units[-1]
    return {OURS: step(mine, x, labels), LAYER: step(theirs, x, labels)}


class Block(nn.Module):
    """A block of batch norm, an activation and a residual connection."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.norm, self.activation = nn.BatchNorm2d(32), activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply all three."""
        result: Tensor = x + self.activation(self.norm(x))
        return result


def compiled_block(dtype: str, elements: int) -> Work:
    """Both passes of a compiled block, in which Inductor fuses its own activations with the operations around them."""
    images = max(1, elements >> 15)
    x = tensor(dtype, images * 32 * 32 * 32).reshape(images, 32, 32, 32).requires_grad_()
    g = torch.ones_like(x)
    activations = {OURS: RReLU(), LAYER: nn.RReLU(), "nn.LeakyReLU": nn.LeakyReLU()}
    blocks = {name: torch.compile(Block(activation).to(x.dtype)) for name, activation in activations.items()}
    return {name: (lambda block=block: torch.autograd.grad(block(x), x, g)) for name, block in blocks.items()}


def batch(dtype: str, elements: int) -> tuple[Tensor, Tensor]:
    """Return images for the given number of elements in the network's activations, and labels."""
    images = max(1, elements >> 16)
    return tensor(dtype, images * 3 * 32 * 32).reshape(images, 3, 32, 32), torch.arange(images) % 10


def step(model: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a function that trains a model by one step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def run() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return run
