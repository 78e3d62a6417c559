"""Values into and out of an array of any library, without NumPy."""

from __future__ import annotations

import math
import struct
from typing import Any


def floats(x: Any) -> Any:
    """Return the elements of `x` as nested lists of Python numbers, which hold every supported dtype exactly."""
    return (x if hasattr(x, "tolist") else x._array).tolist()  # array-api-strict has no other way that does without NumPy


def same(one: Any, other: Any) -> bool:
    """Return whether two nested lists of floats are equal, signs of zeros included and NaN equal to NaN."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return bool(one == other and math.copysign(1, one) == math.copysign(1, other))


def rounded(value: float, dtype: str) -> float:
    """Return `value` rounded to nearest even in a dtype, by way of ``struct`` and not of any array library."""
    if dtype == "float64" or not math.isfinite(value):
        return value
    if dtype == "bfloat16":
        (bits,) = struct.unpack("<I", struct.pack("<f", rounded(value, "float32")))
        bits += 0x7FFF + (bits >> 16 & 1)
        (value,) = struct.unpack("<f", struct.pack("<I", bits & 0xFFFF0000))
        return value
    code = {"float16": "<e", "float32": "<f"}[dtype]
    try:
        (value,) = struct.unpack(code, struct.pack(code, value))
    except OverflowError:
        value = math.copysign(math.inf, value)
    return value
