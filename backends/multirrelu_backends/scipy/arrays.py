"""Find the stored elements of SciPy's seven sparse formats and their coordinates, each element once."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._stored import Array, Places, ascending


def unique(x: Any) -> Any:
    """Return an array in CSR, CSC, BSR, COO or DIA that stores each element once: `x` itself where it is one."""
    if x.format in ("dok", "lil"):
        x = x.tocoo()
    if x.format == "dia" or x.has_canonical_format or (x.format == "coo" and ascending(x.coords, x.shape)):
        return x
    x = x.copy()
    if x.format != "coo":
        x.sort_indices()  # sorting shows whether there are duplicates; most arrays have none, and BSR sums them in slow Python
    x.sum_duplicates()
    return x


def places(x: Any) -> Places:
    """Return the coordinates of the stored elements of an array from `unique`, in the order of its data."""
    if x.format == "coo":
        coordinates: Places = x.coords
        return coordinates
    if x.format == "dia":
        columns = np.arange(x.data.shape[1], dtype=np.int64)
        rows = columns - x.offsets[:, None]  # a diagonal stores positions beyond the edges too
        return rows.ravel(), np.broadcast_to(columns, rows.shape).ravel()
    if x.ndim == 1:
        return (x.indices,)
    outer = np.repeat(np.arange(len(x.indptr) - 1, dtype=x.indices.dtype), np.diff(x.indptr))
    return (x.indices, outer) if x.format == "csc" else _in_blocks(x, outer) if x.format == "bsr" else (outer, x.indices)


def _in_blocks(x: Any, outer: Array) -> Places:
    """Return the coordinates of each element of the blocks, from the coordinates of the blocks."""
    within = np.indices(x.blocksize).reshape(2, -1)
    both = zip((outer, x.indices), x.blocksize, within, strict=True)
    return [np.repeat(place.astype(np.int64) * length, within.shape[1]) + np.tile(add, len(place)) for place, length, add in both]


def alike(x: Any, other: Any) -> bool:
    """Return whether two arrays from `unique` store their elements at the same places in the same order."""
    if x.format != other.format or x.data.shape != other.data.shape:
        return False
    return all(map(np.array_equal, _structure(x), _structure(other)))


def _structure(x: Any) -> tuple[Array, ...]:
    if x.format == "coo":
        return tuple(x.coords)
    return (x.offsets,) if x.format == "dia" else (x.indices, x.indptr)


def like(x: Any, data: Array, format: str) -> Any:  # noqa: A002 - SciPy's name for it
    """Return an array in a format, with `data` at the places of `x`, which comes from `unique`."""
    copies = tuple(part.copy() for part in _structure(x))  # copies, so that an in-place method of one array does not change the other
    y = type(x)((data.reshape(x.data.shape), *([copies] if x.format == "coo" else copies)), shape=x.shape)
    if x.format != "dia":
        y.has_canonical_format = True
    return y.asformat(format)
