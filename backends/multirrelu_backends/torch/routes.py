"""Dispatch `scale` by the state of a tensor: sparse, in a graph, in a trace, in a transform, recording gradients, or plain memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from multirrelu import agnostic
from multirrelu.contract import Slopes, output_tells
from multirrelu.dtypes import compute_type

from . import autograd, dense, exported, memory, ops, sparse
from .plain import PLAIN, count_write, is_dtensor, key_of
from .state import count_modes, has_transforms, is_compiling, is_tracing, is_transformed


def scale(values: Tensor, gate: Tensor | None, slopes: Slopes | float, /, *, out: Tensor | None = None) -> Tensor:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    if values.layout is not torch.strided:
        return sparse.scale_stored(values, slopes)
    gate = None if gate is values else gate
    if is_compiling():
        if torch.onnx.is_in_onnx_export():
            return _copied(exported.scale_exported, values, gate, slopes, out)
        return _copied(ops.scale_traced, values, gate, slopes, out)
    if is_tracing():  # such a trace can hold only PyTorch's own operators
        return _copied(_standard, values, gate, slopes, out)
    if has_transforms() or forward_ad._current_level >= 0:
        return _copied(autograd.scale_transformed, values, gate, slopes, out)
    recorded = (values.requires_grad or (out is not None and out.requires_grad)) and torch.is_grad_enabled()
    plain = gate is None and out is None and type(values) in PLAIN and not count_modes()
    if plain and (recorded or isinstance(slopes, Slopes)) and (result := dense.scaled(values, slopes, recorded)) is not None:
        return result
    if recorded:
        return autograd.scale_recorded(values, gate, key_of(slopes), slopes, out)
    if out is not None:
        count_write(memory.run(values, gate, None, slopes, out))
        return out
    return memory.run(values, gate, None, slopes)


def _standard(values: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    if isinstance(slopes, Slopes) and slopes.strides is None:  # lengths are tensors in a trace
        slopes = slopes.moved(0, slopes.steps([int(length) for length in values.shape]))
    result: Tensor = agnostic.scale(values, values if gate is None else gate, slopes)
    return result


def _copied(function: Callable[..., Tensor], values: Tensor, gate: Tensor | None, slopes: Slopes | float, out: Tensor | None) -> Tensor:
    """Scale, and write to `out` by a copy, which all of PyTorch's transforms support, without overwriting the saved gate."""
    if out is None:
        return function(values, gate, slopes)
    if gate is not None:
        gate = gate.clone()
    elif not output_tells(slopes):
        values = values.clone()
    return out.copy_(function(values, gate, slopes))


def draw(like: Tensor, slopes: Slopes | float, /) -> Tensor:
    """Return the slopes of a tensor, as `scale` of ones: with the placements of a DTensor, and expanded from one element else.

    Those of a sparse tensor are stored where its elements are; graphs and transforms, which cannot take it apart, get a dense tensor.
    """
    if like.layout is not torch.strided and not (is_compiling() or is_transformed()):
        return sparse.draw_stored(like, slopes)
    wide = compute_type(torch, like.dtype)
    if is_dtensor(like):
        ones = torch.ones_like(like, dtype=wide)
        return scale(ones, -ones, slopes)
    one = torch.ones((1,) * like.ndim, dtype=wide, device=like.device)
    return scale(one.expand(like.shape), (-one).expand(like.shape), slopes)
