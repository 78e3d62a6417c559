"""Dask arrays: one task a chunk, which knows where its chunk lies in the whole array and calls the backend of the chunk's own library.

No task needs another chunk, and none waits for one. A chunk's place is one integer, made where the graph is written out.
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
    if gate.name != values.name:  # else as one input and not two, or Dask would fuse what makes it into the task twice
        values, gate = _cut_alike(values, gate)
        gates = [gate, axes]
    return _each(_chunk, values, gates, slopes, values.dtype, values._meta, "rrelu")


def _each(function: Any, values: Any, gates: list[Any], slopes: Slopes | float, dtype: Any, meta: Any, token: str) -> Any:
    """Return the array of what a function makes of each chunk, of the chunk's place, and of the key."""
    axes = tuple(range(values.ndim))
    places: list[Any] = [0, None, 0, None]
    if isinstance(slopes, Slopes):
        key, strides = slopes.key, slopes.steps(values.shape)
        # A key that Dask holds is computed once, and sent to all.
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
    """Return arrays of one shape in the chunks that Dask gives their sum; axes of unknown sizes stay as they are."""
    chunks = sum(arrays[1:], arrays[0]).chunks  # which is lazy, and knows both kinds of Dask's arrays
    known = {axis: sizes for axis, sizes in enumerate(chunks) if not math.isnan(sum(sizes))}
    return [array if array.chunks == chunks else array.rechunk(known) for array in arrays]


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise where chunks of unknown sizes hide an element's place, or cannot be paired.

    Raises
    ------
    ValueError
        If the sizes of chunks are not known and slopes are drawn, because an index depends on the sizes of the chunks before it; or if
        such an axis has another number of chunks in `gate`: Dask would give the only chunk of one to all of the other.
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


def draw(like: Any, slopes: Slopes, /) -> Any:
    """Return the slopes, in the chunks of `like`; its chunks are made for it only where their library draws by itself, as a sparse one."""
    wide = compute_type(namespace, like.dtype)
    if multirrelu.backend_for(like._meta).draw is not None:
        return _each(_drawn, like, [], slopes, wide, like._meta.astype(wide), "rrelu-slopes")
    ones = da.ones(like.shape, chunks=like.chunks, dtype=wide, meta=like._meta)
    return scale(ones, -ones, slopes)


class Offsets(ArrayBlockwiseDep):  # type: ignore[misc]
    """The index of the first element of each chunk: Dask asks for it when it writes out the graph, so that nothing is stored a chunk."""

    def __init__(self, chunks: tuple[tuple[int, ...], ...], offset: int, strides: tuple[int, ...]) -> None:
        super().__init__(chunks)
        self.offset, self.strides = offset, strides
        self.starts = tuple(da.core.cached_cumsum(sizes, initial_zero=True) for sizes in chunks)

    def __getitem__(self, at: tuple[int, ...]) -> int:
        """Return the index for a chunk, by its number along each axis."""
        steps = (int(starts[k]) * stride for starts, k, stride in zip(self.starts, at, self.strides, strict=True))
        return (self.offset + sum(steps)) % KEYS

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Return what the names of tasks depend on."""
        return "multirrelu.Offsets", self.chunks, self.offset, self.strides


def _chunk(values: Any, offset: int, key: Any, gate: Any = None, *, slopes: Slopes | float) -> Any:
    """Scale one chunk, in its worker's thread alone: the scheduler has given the other cores other chunks."""
    if isinstance(slopes, Slopes):
        slopes = _placed(slopes, offset, key)
    with num_threads(1):
        return multirrelu.scale(values, values if gate is None else gate, slopes)


def _drawn(like: Any, offset: int, key: Any, *, slopes: Slopes) -> Any:
    draw = multirrelu.backend_for(like).draw
    assert draw is not None, "that of the chunk's meta is there"
    with num_threads(1):
        return draw(like, _placed(slopes, offset, key))


def _placed(slopes: Slopes, offset: int, key: Any) -> Slopes:
    return replace(slopes, key=as_index(key) % KEYS, offset=offset)


def _chunk_at(values: Any, gate: Any, index: Any, key: Any, *, slopes: Slopes | float) -> Any:
    if isinstance(slopes, Slopes):
        slopes = slopes.keyed(as_index(key) % KEYS)
    with num_threads(1):
        return multirrelu.scale_at(values, gate, index, slopes)


def describe() -> str:
    """Return which path arrays take, and why."""
    return "one task a chunk, by the backend of the chunk's own library, in one thread"


backend = Backend(scale=scale, scale_at=scale_at, draw=draw, namespace=namespace, writeable=False, check=check, describe=describe)
