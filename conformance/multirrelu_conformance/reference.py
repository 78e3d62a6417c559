"""The reference for every backend: the standard functions on NumPy, and the standard's formulas in Python integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from multirrelu import Slopes, agnostic, stream

from .bits import Host, to_bfloat16


def scaled(values: Host, gate: Host, slopes: Slopes | float, dtype: str) -> Host:
    """Return the right result of `multirrelu.scale`, bit for bit, for arrays in the representation of `bits`."""
    with np.errstate(all="ignore"):
        result: Host = np.asarray(agnostic.scale(values, gate, slopes))
    return to_bfloat16(result) if dtype == "bfloat16" else result


def rrelu(x: Host, slopes: Slopes | float, dtype: str) -> Host:
    """Return the right result of `multirrelu.rrelu` with the given slopes."""
    return scaled(x, x, slopes, dtype)


def scaled_at(values: Host, gate: Host, index: Host, slopes: Slopes | float, dtype: str) -> Host:
    """Return the right result of `multirrelu.scale_at`, bit for bit; the offset is added in unsigned integers, which wrap around."""
    if isinstance(slopes, Slopes) and slopes.lattice is None:
        slopes = 0.5 * slopes.lower + 0.5 * slopes.upper
    if isinstance(slopes, Slopes):
        index = (np.atleast_1d(index).astype(np.uint64) + np.uint64(slopes.offset)).astype(np.int64).reshape(index.shape)
        slopes = slopes.moved(-slopes.offset, None)
    with np.errstate(all="ignore"):
        result: Host = np.asarray(agnostic.scale_at(values, gate, index, slopes))
    return to_bfloat16(result) if dtype == "bfloat16" else result


def drawn(shape: tuple[int, ...], slopes: Slopes) -> Host:
    """Return the slopes of an array of `shape`, in float64."""
    return np.broadcast_to(stream.draw(np, shape, slopes, np.float64, "cpu"), shape)


def slope_of_word(word: int, lower: float, upper: float) -> float:
    """Return the slope of a 32-bit word by the standard, in exact arithmetic and independent code."""
    greatest = max(abs(lower), abs(upper))
    exponent = next(e for e in range(-101, 129) if greatest <= Fraction(2) ** e)
    unit = Fraction(2) ** (exponent - 24)
    low, high = math.ceil(Fraction(lower) / unit), math.floor(Fraction(upper) / unit)
    if high <= low:
        return 0.5 * lower + 0.5 * upper
    return float((low + (word * (high - low + 1) >> 32)) * unit)
