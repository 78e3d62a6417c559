"""Implement `scale` and `scale_at` in standard functions of the Array API: the reference for every backend, and the fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._registry import backend_for
from .checks import device_of, on
from .contract import Slopes
from .dtypes import compute_type
from .scalars import shown
from .stream import draw, draw_at, shifted

if TYPE_CHECKING:
    from .contract import Array


def scale(values: Array, gate: Array, slopes: Slopes | float, /, *, out: Array | None = None) -> Array:
    """Multiply each of `values` by its slope where ``gate <= 0``; see `multirrelu.contract`."""
    xp, wide = backend_for(values).namespace, compute_type(backend_for(values).namespace, values.dtype)
    drawn = draw(xp, tuple(values.shape), slopes, wide, device_of(values)) if isinstance(slopes, Slopes) else slopes
    result = _multiplied(xp, values, gate, drawn, wide)
    if out is None:
        return result
    out[...] = result
    return out


def scale_at(values: Array, gate: Array, index: Array, slopes: Slopes | float, /) -> Array:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``; see `multirrelu.contract`."""
    xp, wide = backend_for(values).namespace, compute_type(backend_for(values).namespace, values.dtype)
    drawn: Any = slopes
    if isinstance(slopes, Slopes):
        drawn = draw_at(xp, shifted(xp, index, slopes.offset), slopes, wide, device_of(values))
    return _multiplied(xp, values, gate, drawn, wide)


def _multiplied(xp: Any, values: Array, gate: Array, slope: Array | float, wide: Any) -> Array:
    place = on(device_of(values))
    # Multiply by a factor of one rather than choose between two results: elements that are not scaled can then neither warn nor overflow.
    factor = xp.where(gate <= 0, xp.asarray(slope, dtype=wide, **place), xp.asarray(1.0, dtype=wide, **place))
    return xp.astype(xp.astype(values, wide) * factor, values.dtype)


def check(values: Array, gate: Array, out: Array | None, *, drawn: bool, stateful: object) -> None:
    """Raise where the position of an element in the array is unknown.

    Raises
    ------
    ValueError
        If slopes are drawn and a size is unknown.
    """
    if drawn and not all(hasattr(type(length), "__index__") for length in values.shape):
        raise ValueError(f"slopes depend on the place of each element, but sizes are unknown: got {shown(values)} of {values.shape}")
