"""SciPy's sparse arrays and matrices in seven formats: NumPy's kernel scales the stored elements; type and format stay."""

from __future__ import annotations

from typing import Any

from scipy.sparse import issparse

from multirrelu.contract import Backend, Slopes
from multirrelu.refusals import refuse

from .. import _stored
from . import namespace
from .arrays import alike, like, places, unique

__all__ = ["backend", "scale"]


def scale(values: Any, gate: Any, slopes: Slopes | float, /, *, out: Any = None) -> Any:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    assert out is None, "no output passes the checks"
    x = unique(values)
    g = x if gate is values else unique(gate)
    paired = g is x or alike(x, g)
    where = places(x) if isinstance(slopes, Slopes) or not paired else ()
    gates = g.data.ravel() if paired else _stored.gate_at(where, x.data.size, g.data.ravel(), places(g))
    return like(x, _stored.scaled(x.data.ravel(), gates, where, x.shape, slopes), values.format)


def draw(array: Any, slopes: Slopes | float, /) -> Any:
    """Return the slopes of the elements that an array stores."""
    x = unique(array)
    return like(x, _stored.slopes_at(x.dtype, places(x), x.shape, (x.data.size,), slopes), array.format)


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for an object that is no sparse array, such as a linear operator.

    Raises
    ------
    TypeError
        If `values` or `gate` is no sparse array.
    """
    for array in (values, gate):
        if not issparse(array):
            refuse(array, None)
    if drawn:
        _stored.prepare(values.dtype, values.nnz)


backend = Backend(scale=scale, draw=draw, namespace=namespace, check=check, **_stored.RECORD)
