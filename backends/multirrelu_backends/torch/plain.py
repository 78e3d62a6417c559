"""Query tensors: the kind of a tensor, its placement in memory, and the key of slopes where it is a tensor."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from multirrelu.contract import Slopes
from multirrelu.memory import Placement

from .state import is_compiling

PLAIN = (Tensor, torch.nn.Parameter)


def is_plain(x: Tensor) -> bool:
    """Return whether a tensor has its elements in its own memory, where a kernel can access them."""
    # Some subclasses handle only operators, and the wrapper of a tensor in a transform has no storage.
    return (type(x) is Tensor or type(x).__torch_dispatch__ is Tensor.__torch_dispatch__) and torch._C._has_storage(x)


def is_dtensor(x: object) -> bool:
    """Return whether `x` is a DTensor, without importing the module of DTensors."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(x, module.DTensor)


def unwrapped(x: Tensor) -> Tensor:
    """Return the tensor inside the wrappers of `torch.func`."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(x):
        x = functorch.get_unwrapped(x)
    return x


def key_of(slopes: Slopes | float) -> Tensor | None:
    """Return the key where it is a tensor, which autograd, transforms and graphs must see."""
    return slopes.key if isinstance(slopes, Slopes) and isinstance(slopes.key, Tensor) else None


def bytes_of(x: Tensor) -> tuple[int, ...]:
    """Return the strides of a tensor in bytes."""
    size = x.element_size()
    return tuple([step * size for step in x.stride()])


def placement(x: Any) -> Placement | None:
    """Return the placement of a tensor, or of the local piece of a DTensor; None where there is no memory, as in graphs and transforms."""
    if is_dtensor(x):
        x = x._local_tensor
    if is_compiling() or x.layout is not torch.strided or x.is_meta or not is_plain(x):
        return None
    return Placement(x.data_ptr(), tuple(x.shape), bytes_of(x), x.element_size())


def may_meet(out: Tensor, x: Tensor) -> bool:
    """Return whether writing to `out` overwrites `x`, where both are one or wholly apart; True where that is unknown."""
    one, other = placement(out), placement(x)
    return one is None or other is None or one.address == other.address


def count_write(out: Tensor) -> None:
    """Tell autograd that a tensor was written to."""
    if not out.is_inference():
        torch.autograd.graph.increment_version(out)
