"""Differentiate `scale` by `autograd.Function`: it is linear in its values, so its VJP and JVP are `scale` with the same slopes.

There are two functions. `Recorded` is for plain reverse mode: a call costs half as much, and it can write to `out`. `Transformed` is for
forward mode and `torch.func`. A gate of None means the values themselves; only then may the output be the gate of the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from multirrelu.contract import Slopes, output_tells

from . import memory, ops
from .batches import over_batch
from .plain import key_of, may_meet
from .state import is_compiling, is_transformed


def scale_recorded(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None) -> Tensor:
    """Scale and record for the backward pass; the parameters are those of `memory.run`."""
    # Call the inherited `apply`: the one of `Function` first checks for transforms, which are known to be absent.
    result: Tensor = super(Function, Recorded).apply(out, None if out is values else values, gate, key, slopes)
    return result


def scale_transformed(values: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale under forward mode or the transforms of `torch.func`."""
    key = key_of(slopes)
    # Clone the key: the caller may change it before the transform is over, and PyTorch does not check its version then.
    result: Tensor = Transformed.apply(values, gate, key if key is None else key.clone(), slopes)
    return result


def differentiated(g: Tensor, gate: Tensor, key: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale a cotangent or a tangent; the result may be differentiated again."""
    if g.layout is not torch.strided:  # such as the gradient of an embedding's weight
        g = g.to_dense()
    if is_compiling():  # compiled autograd traces backward passes
        return ops.scale_dispatched(g, gate, key, slopes)
    if is_transformed():
        result: Tensor = Transformed.apply(g, gate, key, slopes)
        return result
    if torch.is_grad_enabled() and g.requires_grad:
        return scale_recorded(g, gate, key, slopes, None)
    return memory.run(g, gate, key, slopes)


class Recorded(Function):
    """`scale` for reverse mode: saves the output, which the next layer keeps anyway, or the gate."""

    # `out` comes first: where it is a view, PyTorch takes the first argument for the modified view.
    @staticmethod
    def forward(
        ctx: Any, out: Tensor | None, other: Tensor | None, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float
    ) -> Tensor:
        values = out if other is None else other  # None where `out` is the values themselves
        assert values is not None
        from_output = gate is None and output_tells(slopes)
        kept = values if gate is None else gate
        if not from_output and out is not None and may_meet(out, kept):
            kept = kept.clone()
        result = memory.run(values, gate, key, slopes, out)
        if out is not None:
            ctx.mark_dirty(out)
        ctx.save_for_backward(result if from_output else kept, key)
        ctx.slopes, ctx.in_place = slopes, other is None
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        gate, key = ctx.saved_tensors
        of_out, of_other = ctx.needs_input_grad[:2]
        if ctx.in_place:
            return differentiated(g, gate, key, ctx.slopes), None, None, None, None
        past = torch.zeros_like(g) if of_out else None  # the gradient of the overwritten contents of `out`
        return past, differentiated(g, gate, key, ctx.slopes) if of_other else None, None, None, None


class Transformed(Function):
    """`scale` for `torch.func` and forward mode."""

    @staticmethod
    def forward(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float) -> Tensor:
        return memory.run(values, gate, key, slopes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        values, gate, key, slopes = inputs
        kept = gate if gate is not None else output if output_tells(slopes) else values
        ctx.save_for_backward(kept, key)
        ctx.save_for_forward(kept, key)
        ctx.slopes = slopes

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        gate, key = ctx.saved_tensors
        return differentiated(g, gate, key, ctx.slopes), None, None, None

    @staticmethod
    def jvp(ctx: Any, t: Tensor, *_: Any) -> Tensor:
        gate, key = ctx.saved_tensors
        return differentiated(t, gate, key, ctx.slopes)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float
    ) -> tuple[Tensor, int]:
        def call(values: Tensor, gate: Tensor | None, key: Tensor | None, strides: tuple[int, ...] | None) -> Tensor:
            moved = slopes
            if isinstance(slopes, Slopes):
                moved = slopes.moved(0, strides) if key is None else slopes.moved(0, strides).keyed(0)
            result: Tensor = Transformed.apply(values, gate, key, moved)
            return result

        strides = slopes.strides if isinstance(slopes, Slopes) else None
        return over_batch(call, info.batch_size, in_dims[:3], values, gate, key, strides)
