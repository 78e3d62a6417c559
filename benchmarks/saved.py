"""Count the memory that PyTorch's autograd keeps for the backward pass, by hooks that see every saved tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import networks
from result import Figures
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy

from multirrelu.cli.bench.libraries.torch import tensors
from multirrelu.cli.bench.workload import OURS
from multirrelu.layers.torch import RReLU, convert_rrelu


def saved(run: Callable[[], Tensor]) -> tuple[Tensor, dict[int, int]]:
    """Return the result of `run`, whose graph keeps the saved tensors alive, and the bytes of each saved storage, by address."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        return run(), storages


def without(storages: dict[int, int], known: Iterable[Tensor]) -> int:
    """Return the bytes of all storages except those of the known tensors."""
    left_out = {tensor.untyped_storage().data_ptr() for tensor in known}
    return sum(size for at, size in storages.items() if at not in left_out)


def of_layer(layer: nn.Module, elements: int) -> tuple[float, float]:
    """Return the bytes for each float32 element that a layer saves, in total and without its output, which the next layer keeps."""
    x = tensors("float32", elements)[0].requires_grad_()
    y, storages = saved(lambda: layer(x))
    return sum(storages.values()) / elements, without(storages, [y]) / elements


def of_network(convert: bool, elements: int) -> int:
    """Return the bytes that the network saves in a training step, without its parameters and the images."""
    model = networks.convolutional()
    model = convert_rrelu(model) if convert else model
    images, labels = networks.batch("float32", elements)
    _, storages = saved(lambda: cross_entropy(model(images), labels))
    return without(storages, [*model.parameters(), images, labels])


def figures(elements: int) -> Figures:
    """Return what the layers and the network save."""
    found: Figures = {}
    for mode in ("training", "evaluation"):
        for name, layer in (OURS, RReLU()), (networks.LAYER, nn.RReLU()):
            every, beyond = of_layer(layer.train(mode == "training"), elements)
            found[f"saved, {mode}, {name} (bytes an element)"] = every, None
            found[f"saved beside the output, {mode}, {name} (bytes an element)"] = beyond, None
    for name, ours in (OURS, True), (networks.LAYER, False):
        found[f"saved in a step of the small network, {name} (MiB)"] = of_network(ours, elements) / 2**20, None
    return found
