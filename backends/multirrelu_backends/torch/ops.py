"""Define the custom operators that `torch.compile`, `torch.export`, fake tensors and dispatch modes see for `scale` and the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from multirrelu.contract import KEYS, Slopes, output_tells
from multirrelu.dtypes import compute_type
from multirrelu.stream import signed

from . import devices
from .batches import over_batch, over_batch_at
from .plain import key_of

Strides = Sequence[int] | None


def scale_traced(values: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale inside `torch.compile` or `torch.export`."""
    key = key_of(slopes)
    if isinstance(slopes, Slopes) and is_graph_transformed():
        # A custom operator cannot define a derivative inside the transforms of `torch.func`, but `torch.where` has one.
        return select(values, gate, draw(values.detach(), *arguments(key, slopes, values.device)))
    return scale_dispatched(values, gate, key, slopes)


def is_graph_transformed() -> bool:
    """Return whether the graph is traced inside a transform of `torch.func`."""
    return isinstance(torch._C._functorch.peek_interpreter_stack(), torch._C._functorch.CInterpreter)


def key_traced(x: Tensor) -> Tensor:
    """Draw a key from the global generator of a tensor's device in a graph."""
    if not is_graph_transformed():
        return draw_key(x.detach())
    # Under `vmap`, PyTorch's own operators draw one key or one for each example, for any `x`. Compiled, they give only 32 bits a call.
    high, low = (torch.randint(0, 1 << 32, (), dtype=torch.int64, device=x.device) for _ in range(2))
    return high << 32 | low


def scale_dispatched(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale by one opaque operator in training, and by fusible operators in evaluation; the parameters are those of `memory.run`."""
    if not isinstance(slopes, Slopes):
        return select(values, gate, slopes)
    result: Tensor = scale_drawn(values, gate, *arguments(key, slopes, values.device))
    return result


def select(values: Tensor, gate: Tensor | None, slope: Tensor | float) -> Tensor:
    """Scale by given slopes in PyTorch's own operators, which have derivatives and which a compiler can fuse."""
    wide = compute_type(torch, values.dtype)
    one = torch.ones((), dtype=wide, device=values.device)
    factor = torch.where((values if gate is None else gate) <= 0, slope if isinstance(slope, Tensor) else one * slope, one)
    # A cast that does nothing would still be a node of the graph.
    return values * factor if values.dtype == wide else (values.to(wide) * factor).to(values.dtype)


def arguments(key: Tensor | None, slopes: Slopes, device: torch.device) -> tuple[Tensor, float, float, int, list[int] | None]:
    """Return the slopes as arguments of an operator, which takes signed 64-bit integers."""
    if key is None:
        key = slopes.key if isinstance(slopes.key, Tensor) else torch.full((), signed(slopes.key), dtype=torch.int64, device=device)
    strides = None if slopes.strides is None else [signed(step) for step in slopes.strides]
    return key, slopes.lower, slopes.upper, signed(slopes.offset), strides


def slopes_of(lower: float, upper: float, offset: int, strides: Strides) -> Slopes:
    """Return the slopes from the arguments of an operator, without their key."""
    return Slopes(lower, upper, 0, offset % KEYS, None if strides is None else tuple(strides))


@custom_op("multirrelu::scale", mutates_args=())
def scale_drawn(values: Tensor, gate: Tensor | None, key: Tensor, lower: float, upper: float, offset: int, strides: Strides) -> Tensor:
    """Scale by drawn slopes; the parameters are those of `memory.run`, with each field of the slopes as a parameter."""
    return devices.scale_plain(values, gate, key, slopes_of(lower, upper, offset, strides))


@scale_drawn.register_fake
def _(values: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(values)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    values, gate, key, *ctx.rest = inputs
    kept = gate if gate is not None else output if output_tells(ctx.rest[0]) else values
    ctx.save_for_backward(kept, key)


def _backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    gate, key = ctx.saved_tensors
    return scale_drawn(g, gate, key, *ctx.rest), None, None, None, None, None, None


scale_drawn.register_autograd(_backward, setup_context=_keep)


@scale_drawn.register_vmap
def _(info: Any, in_dims: Sequence[int | None], values: Tensor, gate: Tensor | None, key: Tensor, *rest: Any) -> tuple[Tensor, int]:
    *fixed, strides = rest
    return over_batch(lambda v, g, k, steps: scale_drawn(v, g, k, *fixed, steps), info.batch_size, in_dims[:3], values, gate, key, strides)


@custom_op("multirrelu::scale_at", mutates_args=())
def scale_drawn_at(values: Tensor, gate: Tensor | None, index: Tensor, key: Tensor, lower: float, upper: float, offset: int) -> Tensor:
    """Scale by the drawn slopes of indices; the other parameters are those of `scale_drawn`."""
    return devices.scale_at_plain(values, gate, index, key, slopes_of(lower, upper, offset, None))


@scale_drawn_at.register_fake
def _(values: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(values)


def _keep_at(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    values, gate, index, key, *ctx.rest = inputs
    kept = gate if gate is not None else output if output_tells(ctx.rest[0]) else values
    ctx.save_for_backward(kept, index, key)


def _backward_at(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    gate, index, key = ctx.saved_tensors
    return scale_drawn_at(g, gate, index, key, *ctx.rest), None, None, None, None, None, None


scale_drawn_at.register_autograd(_backward_at, setup_context=_keep_at)


@scale_drawn_at.register_vmap
def _(
    info: Any, in_dims: Sequence[int | None], values: Tensor, gate: Tensor | None, index: Tensor, key: Tensor, *rest: Any
) -> tuple[Tensor, int]:
    return over_batch_at(lambda *arrays: scale_drawn_at(*arrays, *rest), info.batch_size, in_dims[:4], values, gate, index, key)


@custom_op("multirrelu::draw", mutates_args=())
def draw(like: Tensor, key: Tensor, lower: float, upper: float, offset: int, strides: Strides) -> Tensor:
    """Draw the slopes of a tensor in its compute type."""
    one = torch.ones_like(like, dtype=compute_type(torch, like.dtype))
    return devices.scale_plain(one, -one, key, slopes_of(lower, upper, offset, strides))


@draw.register_fake
def _(like: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(like, dtype=compute_type(torch, like.dtype))


@draw.register_vmap
def _(info: Any, in_dims: Sequence[int | None], like: Tensor, key: Tensor, *rest: Any) -> tuple[Tensor, int]:
    *fixed, strides = rest
    dims = in_dims[0], None, in_dims[1]
    return over_batch(lambda v, g, k, steps: draw(v, k, *fixed, steps), info.batch_size, dims, like, None, key, strides)


@custom_op("multirrelu::draw_key", mutates_args=(), tags=[torch.Tag.nondeterministic_seeded])
def draw_key(like: Tensor) -> Tensor:
    """Draw the key of a call from the global generator of a tensor's device.

    In a graph this is a custom operator, because compilers replace `torch.randint` by a generator with 32 bits of entropy.
    """
    return torch.randint(-(1 << 63), (1 << 63) - 1, (), dtype=torch.int64, device=like.device)


@draw_key.register_fake
def _(like: Tensor) -> Tensor:
    if torch.onnx.is_in_onnx_export():  # checked here, because Dynamo, the exporter's last attempt, does not see the flag in its traces
        raise TypeError("ONNX has no generator of keys: pass rng, a 0-d int64 tensor that is an input of the model, or an int")
    return like.new_empty((), dtype=torch.int64)
