"""Dask arrays: one task a chunk, which knows the chunk's position in the whole array and calls the backend of the chunk's library.

No task needs or awaits another chunk. The position of a chunk is one integer, computed when Dask materializes the graph.
"""

from __future__ import annotations

import math
from dataclasses import replace
from operator import index as as_index
from typing import Any

import dask.array as da
from array_api_compat.dask import array as namespace
from dask.layers import ArrayBlockwiseDep

import multirrelu
from multirrelu.contract import KEYS, Backend, Slopes
from multirrelu.dtypes import compute_type

from .threads import num_threads


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "Dask arrays are lazy, so that no output passes the checks"
    axes = tuple(range(values.ndim))
    gates: list[Any] = []
    if gate.name != values.name:  # one input where they are equal: from two, Dask would fuse the tasks that compute it twice
        values, gate = _cut_alike(values, gate)
        gates = [gate, axes]
    return _each(_chunk, values, gates, slopes, values.dtype, values._meta, "rrelu")


def _each(function: Any, values: Any, gates: list[Any], slopes: Slopes | float, dtype: Any, meta: Any, token: str) -> Any:
    """Map a function over chunks, with the position of each chunk and the key."""
    axes = tuple(range(values.ndim))
    places: list[Any] = [0, None, 0, None]
    if isinstance(slopes, Slopes):
        key, strides = slopes.key, slopes.steps(values.shape)
        # A key in a Dask array is computed once and sent to all tasks.
        places = [Offsets(values.chunks, slopes.offset, strides), axes, key, None if isinstance(key, int) else ()]
        slopes = replace(slopes, key=0, offset=0, strides=strides)
    described = {"dtype": dtype, "meta": meta, "token": token}
    return da.blockwise(function, axes, values, axes, *places, *gates, slopes=slopes, align_arrays=False, **described)


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    check(values, index, None, drawn=False, stateful=None)
    axes = tuple(range(values.ndim))
    values, gate, index = _cut_alike(values, gate, index)
    keys: list[Any] = [0, None]
    if isinstance(slopes, Slopes):
        keys = [slopes.key, None if isinstance(slopes.key, int) else ()]
        slopes = slopes.keyed(0)
    arrays = values, axes, gate, axes, index, axes
    return da.blockwise(_chunk_at, axes, *arrays, *keys, slopes=slopes, align_arrays=False, dtype=values.dtype, meta=values._meta)


def _cut_alike(*arrays: Any) -> list[Any]:
    """Rechunk arrays of one shape to the chunks that Dask gives their sum; axes of unknown sizes keep their chunks."""
    chunks = sum(arrays[1:], arrays[0]).chunks  # a lazy sum, which works for both kinds of Dask arrays
    known = {axis: sizes for axis, sizes in enumerate(chunks) if not math.isnan(sum(sizes))}
    return [array if array.chunks == chunks else array.rechunk(known) for array in arrays]


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise where chunks of unknown sizes leave an element's position unknown, or cannot be paired.

    Raises
    ------
    ValueError
        If slopes are drawn and the sizes of chunks are unknown, because an index depends on the sizes of the chunks before it; or if
        such an axis has another number of chunks in `gate`, because Dask would pair a single chunk with all chunks of the other.
    """
    if drawn and any(map(math.isnan, values.shape)):
        raise ValueError(
            f"the chunks of a Dask array of shape {values.shape} have sizes that are not known, "
            "but a slope depends on its element's place: call its compute_chunk_sizes() first"
        )
    for one, other in zip(values.chunks, gate.chunks, strict=True):
        if len(one) != len(other) and math.isnan(sum(one)):
            raise ValueError(
                f"Dask arrays of shape {values.shape} are cut into {values.numblocks} and {gate.numblocks} chunks "
                "of sizes that are not known: call compute_chunk_sizes() of each first"
            )


def draw(like: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes in the chunks of `like`; `like` is computed only where its chunks' library has its own `draw`, such as sparse."""
    wide = compute_type(namespace, like.dtype)
    if multirrelu.backend_for(like._meta).draw is not None:
        return _each(_drawn, like, [], slopes, wide, like._meta.astype(wide), "rrelu-slopes")
    ones = da.ones(like.shape, chunks=like.chunks, dtype=wide, meta=like._meta)
    return scale(ones, -ones, slopes)


class Offsets(ArrayBlockwiseDep):  # type: ignore[misc]
    """The index of the first element of each chunk; Dask requests it when it materializes the graph, so that nothing is stored a chunk."""

    def __init__(self, chunks: tuple[tuple[int, ...], ...], offset: int, strides: tuple[int, ...]) -> None:
        super().__init__(chunks)
        self.offset, self.strides = offset, strides
        self.starts = tuple(da.core.cached_cumsum(sizes, initial_zero=True) for sizes in chunks)

    def __getitem__(self, at: tuple[int, ...]) -> int:
        """Return the index of the first element of a chunk, by the chunk's number along each axis."""
        steps = (int(starts[k]) * stride for starts, k, stride in zip(self.starts, at, self.strides, strict=True))
        return (self.offset + sum(steps)) % KEYS

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Return the values that determine the names of tasks."""
        return "multirrelu.Offsets", self.chunks, self.offset, self.strides


def _chunk(values: Any, offset: int, key: Any, gate: Any = None, *, slopes: Slopes | float) -> Any:
    """Scale one chunk in the thread of its worker only: the scheduler has given other chunks to the other cores."""
    if isinstance(slopes, Slopes):
        slopes = _placed(slopes, offset, key)
    with num_threads(1):
        return multirrelu.scale(values, values if gate is None else gate, slopes)


def _drawn(like: Any, offset: int, key: Any, *, slopes: Slopes | float) -> Any:
    draw = multirrelu.backend_for(like).draw
    assert draw is not None, "that of the chunk's meta is there"
    if isinstance(slopes, Slopes):
        slopes = _placed(slopes, offset, key)
    with num_threads(1):
        return draw(like, slopes)


def _placed(slopes: Slopes, offset: int, key: Any) -> Slopes:
    return replace(slopes, key=as_index(key) % KEYS, offset=offset)


def _chunk_at(values: Any, gate: Any, index: Any, key: Any, *, slopes: Slopes | float) -> Any:
    if isinstance(slopes, Slopes):
        slopes = slopes.keyed(as_index(key) % KEYS)
    with num_threads(1):
        return multirrelu.scale_at(values, gate, index, slopes)


def describe() -> str:
    """Return the path that arrays take, with the reason."""
    return "one task a chunk, by the backend of the chunk's own library, in one thread"


backend = Backend(scale=scale, scale_at=scale_at, draw=draw, namespace=namespace, writeable=False, check=check, describe=describe)
