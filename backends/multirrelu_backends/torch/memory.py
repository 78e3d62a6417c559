"""Run `scale` outside autograd and functorch: on a tensor's memory, on the pieces of a DTensor, or through the custom operator."""

from __future__ import annotations

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from . import devices, dtensor, ops
from .plain import is_dtensor, is_plain
from .state import count_modes


def run(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
    """Scale a tensor of any type; a tensor without plain memory goes through the operator, which PyTorch's modes and subclasses see.

    Parameters
    ----------
    values, gate : Tensor
        A gate of None means the values themselves.
    key : Tensor or None
        An int64 tensor that replaces the key in `slopes`: 0-d, or 1-d with a key for each row of `values`.
    slopes : Slopes or float
        The slopes; strides, where they are given, are those of the axes after the axis of the keys.
    out : Tensor or None
        The tensor to write to and return.
    """
    if gate is None and not isinstance(slopes, Slopes):
        return evaluate(values, slopes, out)
    plain = is_plain(values) and (gate is None or is_plain(gate)) and (out is None or is_plain(out))
    if plain and not count_modes():
        return devices.scale_plain(values, gate, key, slopes, out)
    if is_dtensor(values) and (gate is None or is_dtensor(gate)):  # a gate from a transform may be no DTensor
        return dtensor.scale_local(run, values, gate, key, slopes, out)
    result = ops.scale_dispatched(values, gate, key, slopes)
    return result if out is None else out.copy_(result)


def evaluate(x: Tensor, slope: float, out: Tensor | None) -> Tensor:
    """Apply one slope to a tensor by its own gate; an operator of PyTorch gives the same bits, on every device and in every mode."""
    return torch.nn.functional.leaky_relu(x, slope) if out is None else torch.ops.aten.leaky_relu.out(x, slope, out=out)
