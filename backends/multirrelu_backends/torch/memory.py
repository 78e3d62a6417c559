"""Tensors where they lie, with neither gradients nor transforms in sight: their memory, or the operator that others see."""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from multirrelu.contract import Slopes
from multirrelu.memory import Placement

from .devices import bytes_of, serve


def scale_written(values: Tensor, gate: Tensor | None, slopes: Slopes | float, out: Tensor | None) -> Tensor:
    """Scale, and tell autograd that `out` was written to; a gate of None is the values themselves."""
    result = scale(values, gate, None, slopes, out)
    if out is not None:
        count_write(out)
    return result


def count_write(out: Tensor) -> None:
    """Tell autograd that a tensor was written to."""
    if not out.is_inference():
        torch.autograd.graph.increment_version(out)


def scale(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
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
    if all(x is None or _is_plain(x) for x in (values, gate, out)) and not torch._C._len_torch_dispatch_stack():
        return scale_plain(values, gate, key, slopes, out)
    from . import dtensor, ops

    if is_dtensor(values) and (gate is None or is_dtensor(gate)):  # a gate may be left over from a transform
        return dtensor.scale(values, gate, key, slopes, out)
    result = ops.scale_dispatched(values, gate, key, slopes)
    return result if out is None else out.copy_(result)


def evaluate(x: Tensor, slope: float, out: Tensor | None) -> Tensor:
    """Apply one slope to a tensor by its own gate, which is an operator of PyTorch's, bit for bit, on every device and in every mode."""
    return torch.nn.functional.leaky_relu(x, slope) if out is None else torch.ops.aten.leaky_relu.out(x, slope, out=out)


def _is_plain(x: Tensor) -> bool:
    # Some subclasses see operators alone, and what wraps a tensor for the time of a transform has no storage.
    return type(x).__torch_dispatch__ is Tensor.__torch_dispatch__ and torch._C._has_storage(x)


def is_dtensor(x: object) -> bool:
    """Return whether `x` is a DTensor, whose module is there where somebody uses it."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(x, module.DTensor)


def scale_plain(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
    """Scale a tensor that has memory of its own; the parameters are those of `scale`."""
    result = torch.empty_like(values) if out is None else out
    gate = values if gate is None else gate
    if isinstance(slopes, Slopes):
        key = slopes.key if key is None else key
    serve(values, gate, key, slopes, result)
    return result


def key_of(slopes: Slopes | float) -> Tensor | None:
    """Return the key where it is a tensor, which autograd, transforms and graphs must see."""
    return slopes.key if isinstance(slopes, Slopes) and isinstance(slopes.key, Tensor) else None


def may_meet(out: Tensor, x: Tensor) -> bool:
    """Return whether what is written to `out` is written over `x`, from which it is else wholly apart; True where nobody can know."""
    one, other = placement(out), placement(x)
    return one is None or other is None or one.address == other.address


def placement(x: Tensor) -> Placement | None:
    """Return where a tensor lies, of a DTensor the piece that is here; None where there is no memory, as in graphs and transforms."""
    if is_dtensor(x):
        x = x._local_tensor
    if torch.compiler.is_compiling() or x.layout is not torch.strided or x.is_meta or not _is_plain(x):
        return None
    return Placement(x.data_ptr(), tuple(zip(x.shape, bytes_of(x), strict=True)), x.element_size())
