"""Find the stored elements of PyData's sparse arrays and their coordinates, in COO, GCXS (with CSR and CSC) and DOK."""

from __future__ import annotations

from typing import Any

import numpy as np
from sparse import COO, DOK

from .._stored import Array, Places


def form(x: Any) -> Any:
    """Return an array in COO or GCXS that stores each element once: `x` itself where it is one; a DOK becomes COO."""
    if isinstance(x, DOK):
        return x.to_coo()
    if isinstance(x, COO) or _ascending(x):  # COO adds up when it is made, GCXS does not
        return x
    return type(x).from_coo(x.tocoo(), x.compressed_axes or None)


def _ascending(x: Any) -> bool:
    """Return whether the indices of each compressed row ascend strictly, so that none is repeated."""
    rising = x.indices[1:] > x.indices[:-1]
    starts = np.asarray(x.indptr[1:-1], np.intp)
    rising[starts[(starts > 0) & (starts < x.indices.size)] - 1] = True
    return bool(rising.all())


def places(x: Any) -> Places:
    """Return the coordinates of the stored elements of a COO or GCXS, in the order of its data."""
    if isinstance(x, COO):
        return list(x.coords)
    if x.ndim < 2:
        return [x.indices][: x.ndim]
    compressed = [int(axis) for axis in x.compressed_axes]
    others = [axis for axis in range(x.ndim) if axis not in compressed]
    outer = np.repeat(np.arange(len(x.indptr) - 1), np.diff(x.indptr))
    found = _spread(outer, compressed, x.shape) | _spread(x.indices, others, x.shape)
    return [found[axis] for axis in range(x.ndim)]


def _spread(index: Array, axes: list[int], shape: tuple[int, ...]) -> dict[int, Array]:
    """Return the coordinates along the given axes for an index in C order over these axes."""
    found, index = {}, index.astype(np.int64, copy=False)
    for axis in axes[:0:-1]:  # takes a third of the time of `np.unravel_index`
        rest = index // shape[axis]
        found[axis] = index - rest * shape[axis]
        index = rest
    return found | dict.fromkeys(axes[:1], index)


def alike(x: Any, other: Any) -> bool:
    """Return whether two arrays from `form` store their elements at the same places in the same order."""
    if isinstance(x, COO) or isinstance(other, COO):
        return type(x) is type(other) and np.array_equal(x.coords, other.coords)
    same = tuple(x.compressed_axes or ()) == tuple(other.compressed_axes or ())  # None for one axis, in older versions
    return same and np.array_equal(x.indices, other.indices) and np.array_equal(x.indptr, other.indptr)


def like(x: Any, data: Array, given: Any) -> Any:
    """Return an array in the format of `given`, with `data` at the places of `x`, which is the `form` of `given`."""
    if isinstance(x, COO):
        y = COO(x.coords, data, shape=x.shape, has_duplicates=False, sorted=True, fill_value=x.fill_value)
        return DOK.from_coo(y) if isinstance(given, DOK) else y
    y = x.copy(deep=False)
    y.data = data
    return y
