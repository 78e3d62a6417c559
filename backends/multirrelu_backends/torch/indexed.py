"""Scale elements with any indices, such as those of sparse and gathered tensors, by one operator that is its own derivative."""

from __future__ import annotations

import torch
from torch import Tensor

from multirrelu import agnostic
from multirrelu.contract import Slopes
from multirrelu.dtypes import compute_type
from multirrelu.stream import signed

from . import ops
from .plain import is_dtensor
from .state import is_transformed


def scale_at(values: Tensor, gate: Tensor, index: Tensor, slopes: Slopes | float, /) -> Tensor:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`.

    Raises
    ------
    TypeError
        If the tensors are sparse, or if only one of `index` and `values` is a DTensor.
    """
    if values.layout is not torch.strided or gate.layout is not torch.strided or index.layout is not torch.strided:
        raise TypeError(f"indices are those of strided tensors, got values of layout {values.layout}: pass the tensors of what is stored")
    if is_dtensor(index) is not is_dtensor(values):
        kinds = f"index is a {type(index).__name__}, but values is a {type(values).__name__}"
        raise TypeError(f"{kinds}: make both of them DTensors, or none")
    own = None if gate is values else gate
    if not isinstance(slopes, Slopes):
        return ops.select(values, own, slopes)
    if torch.jit.is_tracing() or torch.onnx.is_in_onnx_export():  # such a graph can hold only PyTorch's own operators
        traced: Tensor = agnostic.scale_at(values, gate, index, slopes)
        return traced
    key = slopes.key if isinstance(slopes.key, Tensor) else torch.full((), signed(slopes.key), dtype=torch.int64, device=values.device)
    fields = index, key, slopes.lower, slopes.upper, signed(slopes.offset)
    if is_transformed():
        # A custom operator cannot define a derivative here, but `torch.where` has one.
        one = torch.ones_like(values.detach(), dtype=compute_type(torch, values.dtype))
        return ops.select(values, own, ops.scale_drawn_at(one, -one, *fields))
    scaled: Tensor = ops.scale_drawn_at(values, own, *fields)
    return scaled
