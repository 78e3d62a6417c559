"""cubed arrays: one task a block, which computes the block's position in the whole array and calls the backend of the block's library.

cubed cuts every axis into blocks of one size (the last may be smaller), so that the position of a block follows from its number.
"""

from __future__ import annotations

from functools import partial
from operator import index as as_index
from typing import Any

import cubed

import multirrelu
from multirrelu.contract import KEYS, Backend, Slopes
from multirrelu.dtypes import compute_type

from .threads import num_threads


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "cubed's arrays are lazy, so that no output passes the checks"
    return _mapped(slopes, values=values, gate=gate)


def scale_at(values: Any, gate: Any, index: Any, slopes: Slopes | float, /) -> Any:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    return _mapped(slopes, values=values, gate=gate, index=index)


def draw(like: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes in the blocks of `like`, without computing `like`."""
    described = {"dtype": compute_type(cubed, like.dtype), "chunks": like.chunksize, "spec": like.spec}
    ones, gate = (cubed.full(like.shape, number, **described) for number in (1.0, -1.0))
    return _mapped(slopes, values=ones, gate=gate)


def _mapped(slopes: Slopes | float, *, values: Any, gate: Any, **index: Any) -> Any:
    """Map a function over corresponding blocks of the given arrays; arrays that are equal are read once."""
    if 0 in values.shape:  # cubed does not rechunk an empty array
        return values
    arrays = {"values": values, **({} if gate is values else {"gate": gate}), **index}
    arrays = {name: array.rechunk(values.chunksize) for name, array in arrays.items()}
    if isinstance(slopes, Slopes) and not isinstance(slopes.key, int):
        arrays["key"] = slopes.key  # it is computed with the blocks
        slopes = slopes.keyed(0)
    for name, array in arrays.items():
        if array.spec != values.spec:
            raise ValueError(f"{name} has another cubed.Spec than values: make both under one, by spec= or cubed.config")
    block = partial(_block, tuple(arrays), slopes, values.shape, values.chunksize)
    return cubed.map_blocks(block, *arrays.values(), dtype=values.dtype)


def _block(
    names: tuple[str, ...],
    slopes: Slopes | float,
    shape: tuple[int, ...],
    sizes: tuple[int, ...],
    *arrays: Any,
    block_id: tuple[int, ...],
) -> Any:
    """Scale one block in the thread of its worker only: the executor has given other blocks to the other cores."""
    given = dict(zip(names, arrays, strict=True))
    values = given["values"]
    if isinstance(slopes, Slopes):
        if "key" in given:
            slopes = slopes.keyed(as_index(given["key"]) % KEYS)
        if "index" not in given:
            slopes = slopes.part(shape, tuple(k * size for k, size in zip(block_id, sizes, strict=True)))
    gate = given.get("gate", values)
    with num_threads(1):
        return multirrelu.scale_at(values, gate, given["index"], slopes) if "index" in given else multirrelu.scale(values, gate, slopes)


def describe() -> str:
    """Return the path that arrays take, with the reason."""
    return "one task a block, by the backend of the block's own library, in one thread"


backend = Backend(scale=scale, scale_at=scale_at, draw=draw, namespace=cubed, writeable=False, describe=describe)
