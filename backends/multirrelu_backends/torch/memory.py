"""Run `scale` outside autograd and functorch: on a tensor's memory, on the pieces of a DTensor, or through the custom operator."""

from __future__ import annotations

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from . import devices, dtensor, ops
from .plain import is_dtensor, is_plain


def run(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
    """Scale a tensor of any type: what is no plain memory goes through the operator, which PyTorch's modes and subclasses see.

    Parameters
    ----------
    values, gate : Tensor
        A gate of None is the values themselves.
    key : Tensor or None
        Goes before the key in `slopes` where it is given: int64, 0-d, or of one axis, along which each row of `values` has its own key.
    slopes : Slopes or float
        Its strides, where it has some, are those of the axes behind the one of the keys.
    out : Tensor or None
        Written to and returned where it is given.
    """
    if gate is None and not isinstance(slopes, Slopes):
        return evaluate(values, slopes, out)
    plain = is_plain(values) and (gate is None or is_plain(gate)) and (out is None or is_plain(out))
    if plain and not torch._C._len_torch_dispatch_stack():
        return devices.scale_plain(values, gate, key, slopes, out)
    if is_dtensor(values) and (gate is None or is_dtensor(gate)):  # a gate may be left over from a transform
        return dtensor.scale_local(run, values, gate, key, slopes, out)
    result = ops.scale_dispatched(values, gate, key, slopes)
    return result if out is None else out.copy_(result)


def evaluate(x: Tensor, slope: float, out: Tensor | None) -> Tensor:
    """Apply one slope to a tensor by its own gate, which is an operator of PyTorch's, bit for bit, on every device and in every mode."""
    return torch.nn.functional.leaky_relu(x, slope) if out is None else torch.ops.aten.leaky_relu.out(x, slope, out=out)
