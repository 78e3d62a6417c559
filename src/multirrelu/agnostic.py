"""`scale` in the Array API's standard functions: the reference for every backend, and the fallback where there is none."""

from __future__ import annotations

from .arrays import device_of, namespace_of
from .contract import Array, Slopes
from .dtypes import compute_type
from .stream import draw


def scale(values: Array, gate: Array, slopes: Slopes | float, /, *, out: Array | None = None) -> Array:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    xp, place = namespace_of(values), device_of(values)
    wide = compute_type(xp, values.dtype)
    if isinstance(slopes, Slopes):
        slope = draw(xp, tuple(values.shape), slopes, wide, place)
    else:
        slope = xp.asarray(slopes, dtype=wide, device=place)
    # A factor of one, and not a choice between two results: what is not scaled can then neither warn nor overflow.
    factor = xp.where(gate <= 0, slope, xp.asarray(1.0, dtype=wide, device=place))
    result = xp.astype(xp.astype(values, wide) * factor, values.dtype)
    if out is None:
        return result
    out[...] = result
    return out
