"""Sparse tensors: what is not stored is zero and stays zero; what is stored has the slope of its place in the dense tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from multirrelu.contract import Slopes, output_tells
from multirrelu.stream import signed

from .indexed import scale_at
from .plain import key_of

COMPRESSED = (torch.sparse_csr, torch.sparse_csc)


def check(values: Tensor, gate: Tensor, out: Any) -> None:
    """Raise for layouts that are not served.

    Raises
    ------
    TypeError
        If the layout is another than COO, CSR or CSC, if values and gate are two tensors, or if the result has a place to go to.
    """
    layout = values.layout
    if layout not in (torch.sparse_coo, *COMPRESSED) or values.dense_dim():
        hybrid = f" with {values.dense_dim()} dense axes" if layout in (torch.sparse_coo, *COMPRESSED) else ""
        raise TypeError(f"tensors of layout {layout}{hybrid} are not served: convert to torch.strided, or to sparse COO, CSR or CSC")
    if gate is not values:
        raise TypeError(f"a gate of its own is not served for tensors of layout {layout}: convert to torch.strided")
    if out is not None:
        raise TypeError(f"tensors of layout {layout} cannot be written to: leave out and inplace")


def scale_stored(values: Tensor, slopes: Slopes | float) -> Tensor:
    """Scale a sparse tensor, which `check` has passed, by its own gate; derivatives, of gradients too, reach its stored values."""
    # Duplicates are one element, whose sign is that of their sum.
    x = values.coalesce() if values.layout is torch.sparse_coo else values
    if torch.is_grad_enabled() and x.requires_grad and not torch.compiler.is_compiling():
        result: Tensor = Recorded.apply(x, None, key_of(slopes), slopes)
        return result
    return _scaled(x, None, slopes)


class Recorded(Function):
    """Scale and record for the backward pass, which is the same: what makes a sparse tensor of its parts has no second derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float) -> Tensor:
        y = _scaled(x, gate, slopes)
        kept = gate if gate is not None else (y if output_tells(slopes) else x).values()
        ctx.save_for_backward(kept, key, *_places(x))
        ctx.slopes, ctx.shape, ctx.layout = slopes, x.shape, x.layout
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        gate, key, *places = ctx.saved_tensors
        slopes = ctx.slopes if key is None else ctx.slopes.keyed(key)
        result: Tensor = Recorded.apply(_with_places(g, places, gate, ctx.shape, ctx.layout), gate, key, slopes)
        return result, None, None, None


def _with_places(g: Tensor, places: Sequence[Tensor], stored: Tensor, shape: torch.Size, layout: torch.layout) -> Tensor:
    """Return a cotangent, of whatever layout, at the places of a sparse tensor."""
    if g.layout is layout:
        g = g.coalesce() if layout is torch.sparse_coo else g
        if all(own.shape == place.shape and torch.equal(own, place) for own, place in zip(_places(g), places, strict=True)):
            return g
    if g.layout in COMPRESSED:
        g = g.to_sparse_coo()
    return g.sparse_mask(_built(places, stored, shape, layout))


def _places(x: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors that say where the stored elements are."""
    if x.layout is torch.sparse_coo:
        return (x.indices(),)
    return (x.crow_indices(), x.col_indices()) if x.layout is torch.sparse_csr else (x.ccol_indices(), x.row_indices())


def _built(places: Sequence[Tensor], stored: Tensor, shape: torch.Size, layout: torch.layout) -> Tensor:
    if layout is torch.sparse_coo:
        return torch.sparse_coo_tensor(*places, stored, shape, is_coalesced=True, check_invariants=False)
    return torch.sparse_compressed_tensor(*places, stored, shape, layout=layout, check_invariants=False)


def _scaled(x: Tensor, gate: Tensor | None, slopes: Slopes | float) -> Tensor:
    """Scale what is stored, by a gate for each stored element, or by its own."""
    stored, places = x.values(), _places(x)
    index = torch.zeros(stored.shape, dtype=torch.int64, device=stored.device)
    if isinstance(slopes, Slopes):
        for coordinate, step in zip(_coordinates(places, x.layout), slopes.steps(x.shape), strict=True):
            index += coordinate * signed(step)
        slopes = slopes.moved(0, None)
    return _built(places, scale_at(stored, stored if gate is None else gate, index, slopes), x.shape, x.layout)


def _coordinates(places: Sequence[Tensor], layout: torch.layout) -> list[Tensor]:
    """Return the coordinates of the stored elements, in the batches of their matrices too."""
    if layout is torch.sparse_coo:
        return list(places[0].unbind())
    ends, inner = places
    counts = ends.diff()
    outer = torch.arange(counts.shape[-1], device=ends.device).expand(counts.shape)
    # Every matrix of a batch stores as many elements.
    outer = outer.reshape(-1).repeat_interleave(counts.reshape(-1)).reshape(inner.shape)
    batch = torch.meshgrid(*(torch.arange(length, device=ends.device) for length in inner.shape), indexing="ij")[:-1]
    return [*batch, outer, inner] if layout is torch.sparse_csr else [*batch, inner, outer]
