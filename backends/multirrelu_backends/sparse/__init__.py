"""PyData's sparse arrays in COO, GCXS and DOK: NumPy's kernel scales the stored elements; the format stays."""

from __future__ import annotations

from typing import Any

from sparse import COO, DOK, GCXS

from multirrelu.contract import Backend, Slopes
from multirrelu.refusals import refuse

from .. import _stored
from . import namespace
from .arrays import alike, form, like, places

__all__ = ["backend", "scale"]


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "no output passes the checks"
    x = form(values)
    g = x if gate is values else form(gate)
    paired = g is x or alike(x, g)
    where = places(x) if isinstance(slopes, Slopes) or not paired else ()
    gates = g.data if paired else _stored.gate_at(where, x.data.size, g.data, places(g))
    return like(x, _stored.scaled(x.data, gates, where, x.shape, slopes), values)


def draw(array: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes of the elements that an array stores."""
    x = form(array)
    return like(x, _stored.slopes_at(x.dtype, places(x), x.shape, x.data.shape, slopes), array)


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for fill values other than zero, and for other formats.

    Raises
    ------
    TypeError
        If `values` or `gate` is in another format.
    ValueError
        If the elements that are not stored are not zero.
    """
    for array in (values, gate):
        if not isinstance(array, (COO, GCXS, DOK)):
            refuse(array, None)
        if array.fill_value != 0:
            raise ValueError(f"a sparse array must have the fill value zero, which RReLU keeps, got {array.fill_value}: pass x.todense()")
    if drawn:
        _stored.prepare(values.dtype, values.nnz)


backend = Backend(scale=scale, draw=draw, namespace=namespace, check=check, **_stored.RECORD)
