"""Scale sparse tensors: a stored element has the slope of its place in the dense tensor; zeros that are not stored stay zero."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.library import custom_op

from multirrelu.contract import Slopes, output_tells

from . import ops
from .plain import key_of, unwrapped
from .state import is_compiling, is_transformed
from .stored import COMPRESSED, at_places_of, coalesced, drawn, scaled


def check(values: Tensor, gate: Tensor, out: Any) -> None:
    """Raise for sparse tensors that are not supported.

    Raises
    ------
    TypeError
        If the layout is not COO, CSR or CSC, if values and gate are two tensors, or if `out` is given.
    """
    layout = values.layout
    served = layout in (torch.sparse_coo, *COMPRESSED)
    dense = 0
    if served and not is_compiling():  # in a graph it is known only at run time
        dense = (unwrapped(values) if is_transformed() else values).dense_dim()
    if dense or not served:
        hybrid = f" with {dense} dense axes" if served else ""
        raise TypeError(f"tensors of layout {layout}{hybrid} are not supported: convert to torch.strided, or to sparse COO, CSR or CSC")
    if gate is not values:
        raise TypeError(f"a separate gate is not supported for tensors of layout {layout}: convert to torch.strided")
    if out is not None:
        raise TypeError(f"tensors of layout {layout} cannot be written to: leave out and inplace")


def scale_stored(values: Tensor, slopes: Slopes | float) -> Tensor:
    """Scale a sparse tensor that has passed `check` by its own gate; derivatives of any order reach its stored values."""
    if is_compiling():
        return _exported(values, slopes)
    return _unseen(_scale_stored)(values, slopes)


def draw_stored(like: Tensor, slopes: Slopes | float) -> Tensor:
    """Return the slopes of the elements that a sparse tensor stores, in its layout."""
    return _unseen(drawn)(like, slopes)


def _unseen(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the function with Dynamo disabled: Dynamo compiles no sparse tensors, but would trace each function and warn."""
    return _disabled(function) if "torch._dynamo" in sys.modules else function


@cache
def _disabled(function: Callable[..., Tensor]) -> Any:
    return torch.compiler.disable(function)


def _scale_stored(values: Tensor, slopes: Slopes | float) -> Tensor:
    if is_transformed():
        return _applied(values, None, slopes)
    x = coalesced(values)
    return _applied(x, None, slopes) if torch.is_grad_enabled() and x.requires_grad else scaled(x, None, slopes)


def _applied(x: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    result: Tensor = Stored.apply(x, gate, key_of(slopes), slopes)
    return result


def _exported(x: Tensor, slopes: Slopes | float) -> Tensor:
    bounds = (slopes.lower, slopes.upper) if isinstance(slopes, Slopes) else (slopes, slopes)
    drawn = slopes if isinstance(slopes, Slopes) else Slopes(*bounds, 0)
    key, *_, offset, strides = ops.arguments(key_of(drawn), drawn, x.device)
    result: Tensor = scale_operator(x, None, key, *bounds, offset, strides)
    return result


@custom_op("multirrelu::scale_stored", mutates_args=())
def scale_operator(
    x: Tensor, gate: Tensor | None, key: Tensor, lower: float, upper: float, offset: int, strides: Sequence[int] | None
) -> Tensor:
    """Scale a sparse tensor in a graph of `torch.export`, by a constant slope where the bounds are equal."""
    check(x, x, None)
    slopes = ops.slopes_of(lower, upper, offset, strides)
    return Stored.forward(x, gate, key, lower if lower == upper else slopes).clone()


@scale_operator.register_fake
def _(x: Tensor, gate: Tensor | None, *_: Any) -> Tensor:
    return (x if gate is None else gate) * 1.0


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, gate, key, *ctx.rest = inputs
    ctx.save_for_backward(gate if gate is not None else output if output_tells(ctx.rest[0]) else x, key)


def _backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    gate, key = ctx.saved_tensors
    return scale_operator(g, gate, key, *ctx.rest), None, None, None, None, None, None


scale_operator.register_autograd(_backward, setup_context=_keep)


class Stored(Function):
    """`scale` for sparse tensors, with itself as its backward pass: PyTorch's constructors of sparse tensors have no second derivative."""

    @staticmethod
    def forward(x: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float) -> Tensor:
        if key is not None and isinstance(slopes, Slopes):
            slopes = slopes.keyed(key)
        if gate is None:
            return scaled(coalesced(x), None, slopes)
        gate = coalesced(gate)
        return scaled(at_places_of(gate, x), gate.values().detach(), slopes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, gate, key, ctx.slopes = inputs
        ctx.save_for_backward(gate if gate is not None else output if output_tells(ctx.slopes) else x, key)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        gate, key = ctx.saved_tensors
        slopes = ctx.slopes if key is None else ctx.slopes.keyed(key)
        if is_transformed():
            return _applied(g, gate, slopes), None, None, None
        gate = coalesced(gate.detach())
        return _applied(at_places_of(gate, g), gate, slopes), None, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float
    ) -> tuple[Tensor, int]:
        x, gate = _along(x, in_dims[0], info.batch_size), None if gate is None else _along(gate, in_dims[1], info.batch_size)
        if not isinstance(slopes, Slopes):
            return _applied(x, gate, slopes), 0
        if key is None or in_dims[2] is None:  # one key: every example has the slopes that it has alone, by stride 0
            moved = slopes.moved(0, (0, *slopes.steps(tuple(x.shape[1:]))))
            return _applied(x, gate, moved if key is None else moved.keyed(key)), 0
        keys = key.movedim(in_dims[2], 0)
        rows = [_applied(x[at], None if gate is None else gate[at], slopes.keyed(own)) for at, own in enumerate(keys)]
        return torch.stack(rows), 0


def _along(x: Tensor, dim: int | None, size: int) -> Tensor:
    """Return a sparse tensor with its batch axis first."""
    if dim is None:
        return torch.stack([x] * size)
    return x.permute(dim, *(axis for axis in range(x.ndim) if axis != dim))
