"""Small networks of PyTorch with ours and with PyTorch's own layer: training steps, and the memory that autograd keeps in them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from result import Figures, Work
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy

from multirrelu.cli.bench.libraries.torch import tensors
from multirrelu.cli.bench.workload import OURS, SEED
from multirrelu.layers.torch import RReLU, convert_rrelu

LAYER = "nn.RReLU"


def cnn(dtype: str, elements: int) -> Work:
    """A training step of a small convolutional network, on enough images for the given number of elements in all activations."""
    return steps(convolutional(), dtype, *batch(dtype, elements))


def mlp(units: tuple[int, ...], images: int, dtype: str, elements: int) -> Work:
    """A training step of a network of linear layers with an activation between them."""
    torch.manual_seed(SEED)
    layers = [part for one, next_ in pairwise(units) for part in (nn.Linear(one, next_), nn.RReLU())]
    x, labels = tensors(dtype, images * units[0])[0].reshape(images, units[0]), torch.arange(images) % units[-1]
    return steps(nn.Sequential(*layers[:-1]), dtype, x, labels)


def compiled_block(dtype: str, elements: int, device: str = "cpu") -> Work:
    """Both passes of a compiled block, in which Inductor fuses its own activations with the operations around them."""
    images = max(1, elements >> 15)
    x, g = (part.reshape(images, 32, 32, 32) for part in tensors(dtype, images << 15, device))
    activations = {OURS: RReLU(), LAYER: nn.RReLU(), "nn.LeakyReLU": nn.LeakyReLU()}
    blocks = {name: torch.compile(Block(activation).to(x.device, x.dtype)) for name, activation in activations.items()}
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


def steps(network: nn.Module, dtype: str, x: Tensor, labels: Tensor) -> Work:
    """Return a training step of a network with PyTorch's layers, and of its copy with ours."""
    theirs = network.to(getattr(torch, dtype))
    models = {OURS: convert_rrelu(copy.deepcopy(theirs)), LAYER: theirs}
    return {name: partial(step, model, torch.optim.SGD(model.parameters(), lr=0.01), x, labels) for name, model in models.items()}


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor) -> None:
    """Train a model by one step."""
    optimizer.zero_grad()
    cross_entropy(model(x), labels).backward()
    optimizer.step()


def kept(run: Callable[[], Tensor], *known: Tensor) -> tuple[int, int]:
    """Return the bytes of the storages that autograd saves in a run, in total, and without those of the result and of known tensors."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()  # whose graph keeps all of them alive, so that no two have one address
    left_out = {tensor.untyped_storage().data_ptr() for tensor in (result, *known)}
    return sum(storages.values()), sum(size for at, size in storages.items() if at not in left_out)


def of_network(model: nn.Module, elements: int) -> int:
    """Return the bytes that a network saves in a training step, without its parameters and the images."""
    images, labels = batch("float32", elements)
    return kept(lambda: cross_entropy(model(images), labels), *model.parameters(), images, labels)[1]


def figures(elements: int) -> Figures:
    """Return what the layers save, in total and without the output, which the next layer keeps, and what the network saves."""
    found: Figures = {}
    x = tensors("float32", elements)[0].requires_grad_()
    for mode in ("training", "evaluation"):
        for name, layer in (OURS, RReLU()), (LAYER, nn.RReLU()):
            every, beyond = kept(partial(layer.train(mode == "training"), x))
            found[f"saved, {mode}, {name} (bytes an element)"] = every / elements, None
            found[f"saved beside the output, {mode}, {name} (bytes an element)"] = beyond / elements, None
    for name, model in (OURS, convert_rrelu(convolutional())), (LAYER, convolutional()):
        found[f"saved in a step of the small network, {name} (MiB)"] = of_network(model, elements) / 2**20, None
    return found
