"""What PyTorch's autograd keeps for the backward pass, counted by the hooks that see every tensor it saves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch_workloads as workloads
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from multirrelu.layers.torch import convert_rrelu


def saved(run: Callable[[], Tensor]) -> tuple[Tensor, dict[int, int]]:
    """Return the result, with whose graph all of it lives, and the bytes of each storage that `run` saves, by its address."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[address(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        return run(), storages


def address(tensor: Tensor) -> int:
    """Return where the storage of a tensor begins."""
    return tensor.untyped_storage().data_ptr()


def without(storages: dict[int, int], known: Iterable[Tensor]) -> int:
    """Return the bytes of all storages but those of the known tensors."""
    left_out = {address(tensor) for tensor in known}
    return sum(size for at, size in storages.items() if at not in left_out)


def of_layer(layer: nn.Module, elements: int) -> tuple[float, float]:
    """Return the bytes an element of float32 that a layer saves, and how many of them are not its output's, which the next layer keeps."""
    x = workloads.tensor("float32", elements).requires_grad_()
    y, storages = saved(lambda: layer(x))
    return sum(storages.values()) / elements, without(storages, [y]) / elements


def of_network(convert: bool, elements: int) -> int:
    """Return the bytes that the network saves in a training step, beside its parameters and the images."""
    model = workloads.network()
    model = convert_rrelu(model) if convert else model
    images, labels = workloads.batch("float32", elements)
    _, storages = saved(lambda: cross_entropy(model(images), labels))
    return without(storages, [*model.parameters(), images, labels])
