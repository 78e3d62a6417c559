"""Register the operators for DTensors in graphs, with one operator that is the same in the graphs of all processes.

A process looks up its piece when the graph runs, because PyTorch caches compiled graphs on disk for all processes of a mesh.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from multirrelu.dtypes import compute_type

from . import devices, dtensor, ops
from .pieces import piece, place_of
from .plain import is_dtensor, unwrapped


def prepare(kind: type) -> None:
    """Register the rules of the operators for DTensor, or for a type derived from it."""
    if kind not in _prepared and issubclass(kind, getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", ())):
        _prepared.add(kind)
        for operator, rule in (ops.scale_drawn, _scale), (ops.scale_drawn_at, _scale_at), (ops.draw, _draw), (ops.draw_key, _draw_key):
            operator.register_torch_dispatch(kind, rule)


_prepared: set[type] = set()
prepare._dynamo_marked_constant = True  # type: ignore[attr-defined] # set as `torch.compiler.assume_constant_result` does


def _scale(mode: Any, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    values, gate, key, *rest = args
    placements = dtensor.common(values, gate)
    whole = _whole(values, placements, key)
    return dtensor.wrapped(scale_piece(*dtensor.pieces_here(placements, values, gate), key, *rest, *whole), values, placements)


def _scale_at(mode: Any, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    values, gate, index, *rest = args  # the indices give the position of each element, in any piece
    placements = dtensor.common(values, gate)
    here, here_gate, at = dtensor.pieces_here(placements, values, gate, index)
    return dtensor.wrapped(ops.scale_drawn_at(here, here_gate, at, *rest), values, placements)


def _draw(mode: Any, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    like, key, *rest = args
    placements = dtensor.common(like, None)
    whole = _whole(like, placements, key)
    one = torch.ones_like(*dtensor.pieces_here(placements, like), dtype=compute_type(torch, like.dtype))
    return dtensor.wrapped(scale_piece(one, -one, key, *rest, *whole), like, placements)


def _draw_key(mode: Any, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Any) -> Tensor:
    return draw_key(args[0])


def global_key(x: Tensor) -> Tensor | None:
    """Return the key of a call without rng, or None where `x` is no DTensor.

    Raises
    ------
    RuntimeError
        If `x` is a DTensor inside a transform of `torch.func`.
    """
    if is_dtensor(x):
        return draw_key(x)
    if is_dtensor(inner := unwrapped(x)):
        raise RuntimeError(
            f"a DTensor of shape {tuple(inner.shape)} inside a transform of torch.func has no global generator: pass an int rng"
        )
    return None


def draw_key(x: dtensor.DTensor) -> Tensor:
    """Draw a key from the global generator of the first process of a mesh, and broadcast it.

    All generators draw and advance, as if all had one seed. Without the broadcast, replicas with different seeds would drift apart.
    """
    from torch.distributed import _functional_collectives as collectives

    key, mesh = ops.draw_key(*dtensor.pieces_here(tuple(x.placements), x)), x.device_mesh
    if mesh.get_coordinate() is not None:
        for axis, count in enumerate(mesh.shape):
            if count > 1:
                key = collectives.wait_tensor(collectives.broadcast(key, _first(mesh, axis), (mesh, axis)))
    return key


def _first(mesh: Any, axis: int) -> int:
    """Return the group rank of the first process along an axis of the mesh: groups are sorted by rank, meshes need not be."""
    line = tuple(slice(None) if other == axis else at for other, at in enumerate(mesh.get_coordinate()))
    with torch._C._DisableTorchDispatch():  # keeps this out of the graph
        ranks = mesh.mesh[line].tolist()
    return sorted(ranks).index(ranks[0])


def _whole(x: dtensor.DTensor, placements: dtensor.Placements, key: Tensor) -> tuple[Sequence[int], ...]:
    dtensor.piece_of(x, placements, key)  # raises for unsupported placements
    with torch._C._DisableTorchDispatch():  # keeps this out of the graph
        ranks = x.device_mesh.mesh.flatten().tolist()
    return x.shape, dtensor.dims_of(placements), x.device_mesh.shape, ranks


@custom_op("multirrelu::scale_piece", mutates_args=())
def scale_piece(
    values: Tensor,
    gate: Tensor | None,
    key: Tensor,
    lower: float,
    upper: float,
    offset: int,
    strides: Sequence[int] | None,
    shape: Sequence[int],
    dims: Sequence[int],
    parts: Sequence[int],
    ranks: Sequence[int],
) -> Tensor:
    """Scale the piece of this process; the parameters are those of `ops.scale_drawn` and `pieces.piece`, and the ranks of the mesh."""
    slopes, rank = ops.slopes_of(lower, upper, offset, strides), torch.distributed.get_rank()
    if rank in ranks:
        slopes = slopes.part(shape, piece(shape, parts, place_of(ranks.index(rank), parts), dims)[1])
    return devices.scale_plain(values, gate, key, slopes)


@scale_piece.register_fake
def _(values: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(values)
