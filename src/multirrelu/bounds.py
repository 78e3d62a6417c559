"""Check the bounds of slopes, and find the lattice of the slopes between them."""

from __future__ import annotations

import math
from collections import namedtuple
from functools import lru_cache
from typing import Any

from .scalars import shown

FLOAT32_MAX = float.fromhex("0x1.fffffep127")

Lattice = namedtuple("Lattice", ("low", "span", "unit"))  # noqa: PYI024 - `typing` would double the time of `import multirrelu`
Lattice.__doc__ = "The slopes ``(low + k) * unit`` for ``k`` in ``range(span)``, each exact in float32."


def check_bounds(lower: object, upper: object) -> tuple[float, float]:
    """Return the bounds as floats.

    Raises
    ------
    TypeError
        If a bound is a bool or no real number that can be read now.
    ValueError
        If a bound is not finite or outside float32, or if ``lower > upper``.
    """
    low = lower if type(lower) is float and -FLOAT32_MAX <= lower <= FLOAT32_MAX else check_bound("lower", lower)
    high = upper if type(upper) is float and -FLOAT32_MAX <= upper <= FLOAT32_MAX else check_bound("upper", upper)
    if low > high:
        raise ValueError(f"lower must not exceed upper, got lower={low!r} and upper={high!r}")
    return low, high


def check_bound(name: str, value: object) -> float:
    """Return a bound, or a constant slope, as a float; the errors are those of `check_bounds`."""
    bound = value if type(value) is float else _read(name, value)
    if not abs(bound) <= FLOAT32_MAX:  # this form rejects NaN too
        raise ValueError(f"{name} must be finite and within float32, got {shown(value)}")
    return bound


def _read(name: str, value: Any) -> float:
    """Return a number as a float, be it a Python number, a library's scalar or a 0-d array; too large a number becomes inf."""
    dtype = getattr(value, "dtype", None)
    numeric = not isinstance(value, (bool, complex)) if dtype is None else any(kind in str(dtype) for kind in ("int", "float"))
    if not numeric or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be a real number, got {shown(value)}")
    if tuple(getattr(value, "shape", ())) != ():
        raise TypeError(f"{name} must be a single number, got {shown(value)}")
    if getattr(value, "requires_grad", False):
        raise TypeError(f"{name} is a constant of the call and has no gradient, got {shown(value)} that requires one: pass a float")
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except Exception as error:  # each library raises its own error for a value that is traced or not available
        raise TypeError(f"{name} must be a number that can be read now, got {shown(value)}: pass a float") from error


def lattice(lower: float, upper: float) -> Lattice | None:
    """Return the lattice of slopes between two bounds, or None where it has at most one point: the slope is then `midpoint`."""
    return _lattice(lower, upper)


@lru_cache(maxsize=1024)  # 0.0 and -0.0 are one key here, and have one lattice
def _lattice(lower: float, upper: float) -> Lattice | None:
    mantissa, exponent = math.frexp(max(abs(lower), abs(upper)))
    if mantissa == 0.5:  # for a power of two, frexp gives an exponent that is one too large: 2**e is 0.5 * 2**(e + 1)
        exponent -= 1
    shift = 24 - max(exponent, -101)
    low, high = -_floor(-lower, shift), _floor(upper, shift)
    return None if high <= low else Lattice(low, high - low + 1, math.ldexp(1.0, -shift))


def _floor(value: float, shift: int) -> int:
    # Integer arithmetic is exact. In floating point, a bound of -1e-300 beside one of 1e37 would underflow to 0, which is above the bound.
    top, bottom = value.as_integer_ratio()
    return (top << max(shift, 0)) // (bottom << max(-shift, 0))


def midpoint(lower: float, upper: float) -> float:
    """Return the constant slope of evaluation, in double."""
    return 0.5 * lower + 0.5 * upper
