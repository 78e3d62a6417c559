"""Count the memory that PyTorch's autograd keeps for the backward pass, by hooks that see every saved tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch_workloads as workloads
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from multirrelu.layers.torch import convert_rrelu


def saved(run: Callable[[], Tensor]) -> tuple[Tensor, dict[int, int]]:
    """Return the result of `run`, whose graph keeps the saved tensors alive, and the bytes of each saved storage, by address."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[address(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        return run(), storages


def address(tensor: Tensor) -> int:
    """Return the address of a tensor's storage."""
    return tensor.untyped_storage().data_ptr()


def without(storages: dict[int, int], known: Iterable[Tensor]) -> int:
    """Return the bytes of all storages except those of the known tensors."""
    left_out = {address(tensor) for tensor in known}
    return sum(size for at, size in storages.items() if at not in left_out)


def of_layer(layer: nn.Module, elements: int) -> tuple[float, float]:
    """Return the bytes for each float32 element that a layer saves, in total and without its output, which the next layer keeps."""
    x = workloads.tensor("float32", elements).requires_grad_()
    y, storages = saved(lambda: layer(x))
    return sum(storages.values()) / elements, without(storages, [y]) / elements


def of_network(convert: bool, elements: int) -> int:
    """Return the bytes that the network saves in a training step, without its parameters and the images."""
    model = workloads.network()
    model = convert_rrelu(model) if convert else model
    images, labels = workloads.batch("float32", elements)
    _, storages = saved(lambda: cross_entropy(model(images), labels))
    return without(storages, [*model.parameters(), images, labels])
