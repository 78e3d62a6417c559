"""Sparse tensors: what is not stored is zero and stays zero; what is stored has the slope of its place in the dense tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from multirrelu.contract import Slopes
from multirrelu.stream import signed

from .indexed import scale_at

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


def scale(values: Tensor, slopes: Slopes | float) -> Tensor:
    """Scale a sparse tensor, which `check` has passed, by its own gate; derivatives of any order reach its stored values."""
    if values.layout is torch.sparse_coo:
        x = values.coalesce()  # duplicates are one element, whose sign is that of their sum
        stored = _scaled(x.values(), x.indices().unbind(), x.shape, slopes)
        return torch.sparse_coo_tensor(x.indices(), stored, x.shape, is_coalesced=True, check_invariants=False)
    by_row = values.layout is torch.sparse_csr
    ends, inner = (values.crow_indices(), values.col_indices()) if by_row else (values.ccol_indices(), values.row_indices())
    stored = _scaled(values.values(), _coordinates(ends, inner, by_row), values.shape, slopes)
    return torch.sparse_compressed_tensor(ends, inner, stored, values.shape, layout=values.layout, check_invariants=False)


def _coordinates(ends: Tensor, inner: Tensor, by_row: bool) -> list[Tensor]:
    """Return the coordinates of the stored elements, in the batches of their matrices too."""
    counts = ends.diff()
    outer = torch.arange(counts.shape[-1], device=ends.device).expand(counts.shape)
    # Every matrix of a batch stores as many elements.
    outer = outer.reshape(-1).repeat_interleave(counts.reshape(-1)).reshape(inner.shape)
    batch = torch.meshgrid(*(torch.arange(length, device=ends.device) for length in inner.shape), indexing="ij")[:-1]
    return [*batch, outer, inner] if by_row else [*batch, inner, outer]


def _scaled(stored: Tensor, coordinates: Sequence[Tensor], shape: Sequence[int], slopes: Slopes | float) -> Tensor:
    index = torch.zeros(stored.shape, dtype=torch.int64, device=stored.device)
    if isinstance(slopes, Slopes):
        for coordinate, step in zip(coordinates, slopes.steps(shape), strict=True):
            index += coordinate * signed(step)
        slopes = slopes.moved(0, None)
    return scale_at(stored, stored, index, slopes)
