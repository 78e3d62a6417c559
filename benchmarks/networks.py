"""Small networks of PyTorch with ours and with PyTorch's own layer, and a training step of each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
from result import Work
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from multirrelu.cli.bench.libraries.torch import tensors
from multirrelu.cli.bench.workload import OURS, SEED
from multirrelu.layers.torch import RReLU, convert_rrelu

LAYER = "nn.RReLU"


def cnn(dtype: str, elements: int) -> Work:
    """A training step of a small convolutional network, on enough images for the given number of elements in all activations."""
    return steps(convolutional(), dtype, *batch(dtype, elements))


def small_mlp(dtype: str, elements: int) -> Work:
    """A training step of a network of 64-64-64-10 units, on a batch of 32."""
    return perceptron(dtype, (64, 64, 64, 10), 32)


def mlp(dtype: str, elements: int) -> Work:
    """A training step of a network of 784-256-256-10 units, on a batch of 64."""
    return perceptron(dtype, (784, 256, 256, 10), 64)


def compiled_block(dtype: str, elements: int) -> Work:
    """Both passes of a compiled block, in which Inductor fuses its own activations with the operations around them."""
    images = max(1, elements >> 15)
    x, g = (part.reshape(images, 32, 32, 32) for part in tensors(dtype, images << 15))
    return compiled(Block, x, g)


def compiled(make: Callable[[nn.Module], nn.Module], x: Tensor, g: Tensor) -> Work:
    """Return both passes of a compiled block, which a function makes of each activation."""
    activations = {OURS: RReLU(), LAYER: nn.RReLU(), "nn.LeakyReLU": nn.LeakyReLU()}
    blocks = {name: torch.compile(make(activation).to(x.device, x.dtype)) for name, activation in activations.items()}
    x.requires_grad_()
    return {name: (lambda block=block: torch.autograd.grad(block(x), [x, *block.parameters()], g)) for name, block in blocks.items()}


class Block(nn.Module):
    """A block of batch norm, an activation and a residual connection."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.norm, self.activation = nn.BatchNorm2d(32), activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply all three."""
        result: Tensor = x + self.activation(self.norm(x))
        return result


def convolutional() -> nn.Sequential:
    """Return a network of four convolutions for images of 3 by 32 by 32, with 2**16 elements in its activations for each image."""
    torch.manual_seed(SEED)
    layers = [(3, 32, 1), (32, 64, 2), (64, 128, 2), (128, 128, 1)]
    convolutions = [part for a, b, stride in layers for part in (nn.Conv2d(a, b, 3, stride, padding=1), nn.RReLU())]
    return nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def batch(dtype: str, elements: int) -> tuple[Tensor, Tensor]:
    """Return images for the given number of elements in that network's activations, and labels."""
    images = max(1, elements >> 16)
    return tensors(dtype, images * 3 * 32 * 32)[0].reshape(images, 3, 32, 32), torch.arange(images) % 10


def perceptron(dtype: str, units: tuple[int, ...], images: int) -> Work:
    """Return a training step of a network of linear layers with an activation between them."""
    torch.manual_seed(SEED)
    layers = [part for one, next_ in pairwise(units) for part in (nn.Linear(one, next_), nn.RReLU())]
    x, labels = tensors(dtype, images * units[0])[0].reshape(images, units[0]), torch.arange(images) % units[-1]
    return steps(nn.Sequential(*layers[:-1]), dtype, x, labels)


def steps(network: nn.Module, dtype: str, x: Tensor, labels: Tensor) -> Work:
    """Return a training step of a network with PyTorch's layers, and of its copy with ours."""
    theirs = network.to(getattr(torch, dtype))
    return {OURS: step(convert_rrelu(copy.deepcopy(theirs)), x, labels), LAYER: step(theirs, x, labels)}


def step(model: nn.Module, x: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a function that trains a model by one step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def run() -> None:
        optimizer.zero_grad()
        cross_entropy(model(x), labels).backward()
        optimizer.step()

    return run
