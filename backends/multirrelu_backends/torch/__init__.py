"""PyTorch tensors: the fused kernels on their memory, with autograd, `torch.func`, `torch.compile` and sparse layouts around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from . import autograd, compiled, memory, ops, sparse
from .devices import describe

__all__ = ["describe", "scale"]


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    if values.layout is not torch.strided:
        return sparse.scale(values, slopes)
    gate = None if gate is values else gate
    if torch.compiler.is_compiling():
        return _copied(ops.scale_traced, values, gate, slopes, out)
    if autograd.is_transformed():
        return _copied(autograd.scale_transformed, values, gate, slopes, out)
    if torch.is_grad_enabled() and (values.requires_grad or (out is not None and out.requires_grad)):
        return autograd.scale_recorded(values, gate, slopes, out)
    return memory.scale_written(values, gate, slopes, out)


def _copied(function: Callable[..., Tensor], values: Tensor, gate: Tensor | None, slopes: Slopes | float, out: Tensor | None) -> Tensor:
    """Scale, and write by a copy, which all of PyTorch's transforms understand; what the backward pass keeps is not written over."""
    if out is None:
        return function(values, gate, slopes)
    if gate is not None:
        gate = gate.clone()
    elif not autograd.output_tells(slopes):
        values = values.clone()
    return out.copy_(function(values, gate, slopes))


def check(values: Tensor, gate: Tensor, out: Tensor | None) -> None:
    """Raise for what PyTorch would refuse only after the slopes are drawn; see `multirrelu.contract`.

    Raises
    ------
    RuntimeError
        If `out` is a leaf that requires grad, or a view of one, while gradients are recorded, as in PyTorch's own operators.
    TypeError
        If a layout is not served.
    """
    if values.is_nested:
        raise TypeError("nested tensors are not served: apply rrelu to their values, or to a padded tensor")
    if values.layout is not torch.strided or gate.layout is not torch.strided:
        sparse.check(values, gate, out)
    if torch.compiler.is_compiling():
        compiled.prepare_trace()
    elif isinstance(out, Tensor) and out.requires_grad and torch.is_grad_enabled():
        leaf = out._base if out._is_view() else out
        if leaf is not None and leaf.is_leaf and leaf.requires_grad:
            which = "a leaf" if leaf is out else "a view of a leaf"
            raise RuntimeError(
                f"{which} that requires grad, of shape {tuple(out.shape)}, cannot be written to while gradients are recorded"
            )


scale.check, scale.placement = check, memory.placement  # type: ignore[attr-defined]
compiled.prepare()
