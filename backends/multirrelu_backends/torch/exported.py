"""Scale inside `torch.onnx.export`, in PyTorch's own operators, all of which ONNX has."""

from __future__ import annotations

from typing import Any

import torch
from array_api_compat import torch as namespace
from torch import Tensor

from multirrelu.contract import Slopes
from multirrelu.dtypes import compute_type
from multirrelu.stream import draw_at, indices, signed

from .ops import select


def scale_exported(values: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale in a graph; sizes may be symbols, and the key may be an input of the graph."""
    if not isinstance(slopes, Slopes):
        return select(values, gate, slopes)
    if slopes.strides is None:  # one range, because a product of symbols cannot be a stride modulo 2**64
        index: Any = torch.arange(values.numel(), device=values.device).reshape(values.shape) + signed(slopes.offset)
    else:
        index = indices(namespace, tuple(values.shape), slopes, values.device)
    return _scaled(values, gate, index, slopes)


def _scaled(values: Tensor, gate: Tensor | None, index: Tensor, slopes: Slopes) -> Tensor:
    return select(values, gate, draw_at(namespace, index, slopes, compute_type(torch, values.dtype), values.device))
