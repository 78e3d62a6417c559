"""DTensors: every process scales its own piece, with the slopes that the piece has in the whole tensor."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from . import memory
from .pieces import piece, slopes_of_piece

DTensor: TypeAlias = Any
Placements: TypeAlias = tuple[Any, ...]


def check(values: Any, gate: Any, out: Any) -> None:
    """Raise for what is not served where one of the tensors is a DTensor.

    Raises
    ------
    TypeError
        If another of them is none, or is placed in another way than by Shard, Replicate or Partial.
    ValueError
        If they are on several meshes, if a piece has not the shape that its placements give it, or if `out` is not placed as the result.
    """
    named = {name: x for name, x in (("x", values), ("gate", gate), ("out", out)) if x is not None}
    for name, x in named.items():
        if not memory.is_dtensor(x):
            raise TypeError(f"{name} is a {type(x).__name__}, but another argument is a DTensor: make all of them DTensors, or none")
    for name, x in named.items():
        if x.device_mesh != values.device_mesh:
            raise ValueError(f"{name} is on {x.device_mesh}, but x is on {values.device_mesh}")
        _check_placements(name, x)
    placements = common(values, gate)
    if out is not None and tuple(out.placements) != placements:
        raise ValueError(f"out is placed as {tuple(out.placements)}, but the result as {placements}: redistribute one of them")


def _check_placements(name: str, x: DTensor) -> None:
    order = getattr(x._spec, "shard_order", None) or ()  # of the mesh's axes that split one axis of the tensor
    if any(not (_is_shard(one) or one.is_replicate() or one.is_partial()) for one in x.placements) or any(
        tuple(entry.mesh_dims) != tuple(sorted(entry.mesh_dims)) for entry in order
    ):
        raise TypeError(f"{name} is placed as {x._spec}, of which Shard, in the mesh's order, and Replicate are served: redistribute it")
    place = x.device_mesh.get_coordinate()
    if place is None:  # this process is not of the mesh, and holds nothing
        return
    here, told = tuple(x._local_tensor.shape), piece(x.shape, x.device_mesh.shape, place, dims_of(x.placements))[0]
    if here != told:
        raise ValueError(f"{name} has a piece of shape {here} here, but {tuple(x.placements)} make it {told} of {tuple(x.shape)}")


def _is_shard(placement: Any) -> bool:
    return type(placement).__name__ == "Shard"  # in some versions `_StridedShard` is derived from it


def dims_of(placements: Placements) -> list[int]:
    """Return the axis of the tensor that each axis of the mesh splits, -1 where it splits none."""
    return [one.dim if _is_shard(one) else -1 for one in placements]


def common(values: DTensor, gate: DTensor) -> Placements:
    """Return the placements of a result: what is split in `gate` or else in `values` stays so, and a sum is taken before its sign is."""
    replicate = sys.modules["torch.distributed.tensor"].Replicate()
    pairs = zip(gate.placements, values.placements, strict=True)
    return tuple(next(filter(_is_shard, pair), replicate) for pair in pairs)


def scale(values: DTensor, gate: DTensor | None, key: Tensor | None, slopes: Slopes | float, out: DTensor | None = None) -> DTensor:
    """Scale the piece that is here; the parameters are those of `memory.scale`."""
    mesh, placements = values.device_mesh, common(values, values if gate is None else gate)
    place = mesh.get_coordinate()
    if isinstance(slopes, Slopes) and place is not None:
        slopes = slopes_of_piece(slopes, values.shape, piece(values.shape, mesh.shape, place, dims_of(placements))[1])
    here = None if out is None else out._local_tensor
    result = memory.scale(local(values, placements), gate if gate is None else local(gate, placements), key, slopes, here)
    if out is None:
        return wrapped(result, values, placements)
    memory.count_write(out._local_tensor)
    return out


def local(x: DTensor, placements: Placements) -> Tensor:
    """Return the piece that is here once `x` is placed in this way."""
    with torch.no_grad():
        piece = (x if tuple(x.placements) == placements else x.redistribute(placements=placements)).to_local()
        return piece.wait() if hasattr(piece, "wait") else piece  # what was just sent may still be under way


def wrapped(result: Tensor, like: DTensor, placements: Placements) -> DTensor:
    """Return the DTensor whose piece here is `result`, with the strides of an ``empty_like`` of the whole."""
    strides = torch.empty_like(torch.empty_strided(like.shape, like.stride(), device="meta")).stride()
    kind = sys.modules["torch.distributed.tensor"].DTensor
    return kind.from_local(result, like.device_mesh, placements, run_check=False, shape=like.shape, stride=strides)
