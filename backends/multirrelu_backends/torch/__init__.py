"""PyTorch tensors: the fused kernels on their memory, with autograd, `torch.func`, `torch.compile` and sparse layouts around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from multirrelu import agnostic
from multirrelu.contract import Slopes, output_tells, row_major

from . import autograd, compiled, dtensor, dtensor_ops, memory, ops, sparse
from .devices import describe

__all__ = ["describe", "scale"]


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    if values.layout is not torch.strided:
        return sparse.scale(values, slopes)
    gate = None if gate is values else gate
    if torch.compiler.is_compiling():
        return _copied(ops.scale_traced, values, gate, slopes, out)
    if torch.jit.is_tracing():  # a trace of that kind holds PyTorch's own operators only
        return _copied(_standard, values, gate, slopes, out)
    if autograd.is_transformed():
        return _copied(autograd.scale_transformed, values, gate, slopes, out)
    if torch.is_grad_enabled() and (values.requires_grad or (out is not None and out.requires_grad)):
        return autograd.scale_recorded(values, gate, memory.key_of(slopes), slopes, out)
    return memory.scale_written(values, gate, slopes, out)


def _standard(values: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    if isinstance(slopes, Slopes) and slopes.strides is None:  # lengths are tensors in such a trace
        slopes = replace(slopes, strides=row_major(tuple(int(length) for length in values.shape)))
    result: Tensor = agnostic.scale(values, values if gate is None else gate, slopes)
    return result


def _copied(function: Callable[..., Tensor], values: Tensor, gate: Tensor | None, slopes: Slopes | float, out: Tensor | None) -> Tensor:
    """Scale, and write by a copy, which all of PyTorch's transforms understand; what the backward pass keeps is not written over."""
    if out is None:
        return function(values, gate, slopes)
    if gate is not None:
        gate = gate.clone()
    elif not output_tells(slopes):
        values = values.clone()
    return out.copy_(function(values, gate, slopes))


def check(values: Tensor, gate: Tensor, out: Tensor | None) -> None:
    """Raise for what PyTorch would refuse only after the slopes are drawn; see `multirrelu.contract`.

    Raises
    ------
    RuntimeError
        If `out` is what PyTorch's own operators do not write to: a leaf that requires grad, or a view of one, while gradients are
        recorded; a view that was taken without recording them, or by `unbind`; an inference tensor outside of inference mode.
    TypeError
        If a layout is not served.
    """
    if values.is_nested:
        raise TypeError("nested tensors are not served: apply rrelu to their values, or to a padded tensor")
    if values.layout is not torch.strided or gate.layout is not torch.strided:
        sparse.check(values, gate, out)
    if memory.is_dtensor(values) or memory.is_dtensor(gate) or memory.is_dtensor(out):
        dtensor.check(values, gate, out)
    if torch.compiler.is_compiling():
        compiled.prepare_trace()
    elif isinstance(out, Tensor):
        _check_written(out)


def _check_written(out: Tensor) -> None:
    if out.layout is not torch.strided:
        raise TypeError(f"tensors of layout {out.layout} cannot be written to: leave out and inplace")
    if out.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError(f"an inference tensor, of shape {tuple(out.shape)}, cannot be written to outside of inference mode")
    if not (out.requires_grad and torch.is_grad_enabled()):
        return
    whole = out._base if out._is_view() else None
    if (out if whole is None else whole).is_leaf:
        which = "a leaf" if whole is None else "a view of a leaf"
    elif whole is not None and torch._C._autograd._get_creation_meta(out) != torch._C._autograd.CreationMeta.DEFAULT:
        which = "a view that was taken without recording gradients, or by unbind and the like,"
    else:
        return
    raise RuntimeError(f"{which} that requires grad, of shape {tuple(out.shape)}, cannot be written to while gradients are recorded")


scale.check, scale.placement, scale.meet = check, memory.placement, dtensor_ops.meet  # type: ignore[attr-defined]
compiled.prepare()
