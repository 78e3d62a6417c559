"""Scale the stored values of a sparse tensor, by the indices of their places."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multirrelu.contract import Slopes
from multirrelu.dtypes import compute_type
from multirrelu.stream import signed

from .indexed import scale_at

COMPRESSED = (torch.sparse_csr, torch.sparse_csc)


def coalesced(x: Tensor) -> Tensor:
    """Return a sparse tensor with duplicates added up, so that the sign of their sum counts."""
    return x.coalesce() if x.layout is torch.sparse_coo else x


def at_places_of(gate: Tensor, g: Tensor) -> Tensor:
    """Return a cotangent of any layout, at the places of a gate."""
    if g.layout is gate.layout:
        g = coalesced(g)
        if all(own.shape == place.shape and torch.equal(own, place) for own, place in zip(_places(g), _places(gate), strict=True)):
            return g
    if g.layout in COMPRESSED:
        g = g.to_sparse_coo()
    return g.sparse_mask(gate)


def _places(x: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors of indices that give the places of the stored elements."""
    if x.layout is torch.sparse_coo:
        return (x.indices(),)
    return (x.crow_indices(), x.col_indices()) if x.layout is torch.sparse_csr else (x.ccol_indices(), x.row_indices())


def _built(places: Sequence[Tensor], stored: Tensor, shape: torch.Size, layout: torch.layout) -> Tensor:
    if layout is torch.sparse_coo:
        return torch.sparse_coo_tensor(*places, stored, shape, is_coalesced=True, check_invariants=False)
    return torch.sparse_compressed_tensor(*places, stored, shape, layout=layout, check_invariants=False)


def scaled(x: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale the stored elements, each by an element of `gate`, or by itself where `gate` is None."""
    stored, places = x.values().detach(), _places(x)  # detached, because Dynamo cannot inspect a view of a sparse tensor
    index = torch.zeros(stored.shape, dtype=torch.int64, device=stored.device)
    if isinstance(slopes, Slopes):
        for coordinate, step in zip(_coordinates(places, x.layout), slopes.steps(x.shape), strict=True):
            index += coordinate * signed(step)
        slopes = slopes.moved(0, None)
    return _built(places, scale_at(stored, stored if gate is None else gate, index, slopes), x.shape, x.layout)


def drawn(x: Tensor, slopes: Slopes | float) -> Tensor:
    """Return a sparse tensor that stores the slopes of the stored elements."""
    x = coalesced(x.detach())
    ones = torch.ones_like(x.values(), dtype=compute_type(torch, x.dtype))
    return scaled(_built(_places(x), ones, x.shape, x.layout), -ones, slopes)


def _coordinates(places: Sequence[Tensor], layout: torch.layout) -> list[Tensor]:
    """Return the coordinates of the stored elements, including the batch axes."""
    if layout is torch.sparse_coo:
        return list(places[0].unbind())
    ends, inner = places
    counts = ends.diff()
    outer = torch.arange(counts.shape[-1], device=ends.device).expand(counts.shape)
    # All matrices of a batch store equally many elements.
    outer = outer.reshape(-1).repeat_interleave(counts.reshape(-1)).reshape(inner.shape)
    batch = torch.meshgrid(*(torch.arange(length, device=ends.device) for length in inner.shape), indexing="ij")[:-1]
    return [*batch, outer, inner] if layout is torch.sparse_csr else [*batch, inner, outer]
