"""Scale DTensors: every process scales its own piece, with the slopes that the piece has in the whole tensor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from .pieces import piece
from .plain import count_write, is_dtensor

DTensor: TypeAlias = Any
Placements: TypeAlias = tuple[Any, ...]


def check(values: Any, gate: Any, out: Any) -> None:
    """Raise for tensors that do not go together, where one of them is a DTensor.

    Raises
    ------
    TypeError
        If another tensor is no DTensor.
    ValueError
        If the tensors are on several meshes, or if `out` has other placements than the result.
    """
    named = {name: x for name, x in (("x", values), ("gate", gate), ("out", out)) if x is not None}
    for name, x in named.items():
        if not is_dtensor(x):
            raise TypeError(f"{name} is a {type(x).__name__}, but another argument is a DTensor: make all of them DTensors, or none")
    for name, x in named.items():
        if x.device_mesh != values.device_mesh:
            raise ValueError(f"{name} is on {x.device_mesh}, but x is on {values.device_mesh}")
    placements = common(values, gate)
    if out is not None and tuple(out.placements) != placements:
        name = "x" if out is values else "out"
        raise ValueError(f"{name} is placed as {tuple(out.placements)}, but the result as {placements}: redistribute one of them")


def common(values: DTensor, gate: DTensor | None) -> Placements:
    """Return the placement of a result on each axis of the mesh: that of `gate`, or the split of `values` where `gate` is replicated.

    Partial sums are summed first, and count as replicated. Without a gate, `values` stands for it.
    """
    replicate = sys.modules["torch.distributed.tensor"].Replicate()
    if gate is None or gate is values:
        return tuple(replicate if one.is_partial() else one for one in values.placements)
    pairs = zip(common(gate, None), values.placements, strict=True)
    return tuple(other if one.is_replicate() and is_shard(other) else one for one, other in pairs)


def is_shard(placement: Any) -> bool:
    """Return whether a placement splits as ``torch.chunk`` does; `_StridedShard` does not, but some versions derive it from `Shard`."""
    return type(placement).__name__ == "Shard"


def dims_of(placements: Placements) -> list[int]:
    """Return the axis of the tensor that each axis of the mesh splits, or -1 where it splits none."""
    return [one.dim if is_shard(one) else -1 for one in placements]


def piece_of(x: DTensor, placements: Placements, key: Tensor | None) -> tuple[int, ...] | None:
    """Return the first coordinate of the piece that this process holds, or None where the process is outside of the mesh.

    Raises
    ------
    TypeError
        If the piece of these placements is not contiguous in the tensor, or if there is more than one key.
    ValueError
        If `x` already has these placements, but its piece has another shape.
    """
    if key is not None and key.ndim:
        raise TypeError(f"a DTensor has one key for all elements, got keys of shape {tuple(key.shape)} for one of shape {tuple(x.shape)}")
    order = getattr(x._spec, "shard_order", None) or ()  # the order of the mesh's axes that split one axis of the tensor
    if not all(is_shard(one) or one.is_replicate() for one in placements) or any(
        tuple(entry.mesh_dims) != tuple(sorted(entry.mesh_dims)) for entry in order
    ):
        raise TypeError(
            f"slopes are drawn for Shard, in the order of the mesh, and Replicate, but x is placed as {x._spec}: redistribute it"
        )
    place = x.device_mesh.get_coordinate()
    if place is None:
        return None
    shape, first = piece(x.shape, x.device_mesh.shape, place, dims_of(placements))
    if tuple(x.placements) == placements and (here := tuple(x._local_tensor.shape)) != shape:
        raise ValueError(f"x of shape {tuple(x.shape)}, placed as {placements}, has a piece of shape {shape} here, got one of {here}")
    return first


def scale_local(
    local: Callable[..., Tensor],
    values: DTensor,
    gate: DTensor | None,
    key: Tensor | None,
    slopes: Slopes | float,
    out: DTensor | None = None,
) -> DTensor:
    """Scale the local piece by ``local``, which takes the parameters of `memory.run`; so are the other parameters."""
    placements = common(values, gate)
    if isinstance(slopes, Slopes) and (first := piece_of(values, placements, key)) is not None:
        slopes = slopes.part(values.shape, first)
    here, here_gate, to = pieces_here(placements, values, gate, out)
    assert here is not None
    result = local(here, here_gate, key, slopes, to)
    if to is None:
        return wrapped(result, values, placements)
    count_write(to)
    return out


def pieces_here(placements: Placements, *tensors: DTensor | None) -> list[Tensor | None]:
    """Return the local pieces of tensors after redistributing them to the given placements; kernels rely on one shape.

    Raises
    ------
    ValueError
        If the pieces have several shapes.
    """
    with torch.no_grad():
        here = [
            None if x is None else _piece(x if tuple(x.placements) == placements else x.redistribute(placements=placements))
            for x in tensors
        ]
    shapes = [tuple(one.shape) for one in here if one is not None]
    if shapes.count(shapes[0]) != len(shapes):
        raise ValueError(f"DTensors of one shape, all placed as {placements}, have pieces of shapes {shapes} here")
    return here


def _piece(x: DTensor) -> Tensor:
    here = x.to_local()
    return here.wait() if hasattr(here, "wait") else here  # a redistribution may still be in progress


def wrapped(result: Tensor, like: DTensor, placements: Placements) -> DTensor:
    """Return the DTensor with the local piece `result`, and the strides of an ``empty_like`` of the whole."""
    strides = like.stride()
    if not like.is_contiguous():
        strides = torch.empty_like(torch.empty_strided(like.shape, strides, device="meta")).stride()
    kind = sys.modules["torch.distributed.tensor"].DTensor
    return kind.from_local(result, like.device_mesh, placements, run_check=False, shape=like.shape, stride=strides)
