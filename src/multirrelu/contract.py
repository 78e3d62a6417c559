"""What a backend promises: the one page that a backend author reads.

A backend is one function, the operation that every mode, derivative and library is made of::

    scale(values, gate, slopes, /, *, out=None)

It multiplies each of ``values`` by its slope where ``gate <= 0`` and returns the result, in the shape, dtype and device of
``values``; elements with any other gate (positive or NaN) keep their value. Before it is called, everything has been checked:

- ``values`` and ``gate`` are arrays of the backend's library with one shape and one dtype (float16, bfloat16, float32 or
  float64). They may be the same array, read-only, empty, 0-d, and laid out in memory in any way.
- ``slopes`` is a float, one constant for all elements, or a `Slopes` whose bounds span more than one lattice point.
- ``out`` is None (then allocate), or a writeable array of the same shape and dtype: ``values`` itself, ``gate`` itself, or memory
  that overlaps neither in part. Return it when it is given.

A backend may carry more functions, as attributes, for what its library alone knows:

- ``scale.check(values, gate, out)`` is called before a key is drawn, with what the caller gave (``out`` may still be anything), and
  raises where the library cannot do it; where slopes will be drawn, so is
- ``scale.check_places(values)``, which raises where the library cannot tell the elements' places in the array;
- ``scale.placement(array)`` tells where an array lies, as `multirrelu.memory.placement` does by DLPack, or None where it has no memory;
- ``scale.closed(like, ones)`` makes the gate of `draw_slopes`, closed to all, where one of ``ones`` alone would not lie as ``like``;
- ``scale.meet(kind)`` is told each type of arrays of the library's own package before the first of them is served.

Half precision computes in float32 and rounds once; no fast-math, no draw that is not the sampling standard's. Register with an
entry point in the group ``multirrelu.backends`` whose name is the array namespace, or with `multirrelu.register`.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from operator import index
from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any
"""An array of any library that the Array API standard's ``array_namespace`` recognises."""

FLOAT32_MAX = float.fromhex("0x1.fffffep127")
KEYS = 1 << 64


def check_bounds(lower: object, upper: object) -> tuple[float, float]:
    """Return the bounds as floats, or say what is wrong with them.

    Raises
    ------
    TypeError
        If a bound is a bool or no real number.
    ValueError
        If a bound is not finite or outside float32, or if ``lower > upper``.
    """
    low, high = check_bound("lower", lower), check_bound("upper", upper)
    if low > high:
        raise ValueError(f"lower must not exceed upper, got lower={low!r} and upper={high!r}")
    return low, high


def check_bound(name: str, value: object) -> float:
    """Return a bound, or a constant slope, as a float; the errors are those of `check_bounds`."""
    if type(value) is float:
        bound = value
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}")
    else:
        try:
            bound = float(value)
        except OverflowError:
            bound = math.inf
    if not abs(bound) <= FLOAT32_MAX:  # written so that NaN fails too
        raise ValueError(f"{name} must be finite and within float32, got {value!r}")
    return bound


def check_key(key: object) -> int:
    """Return an integer key in [0, 2**64), or say what is wrong with it.

    Raises
    ------
    TypeError
        If `key` is a bool or no integer.
    ValueError
        If it is negative or too large.
    """
    try:
        if isinstance(key, bool):
            raise TypeError
        # An int is left as it is: `torch.compile` may know it as a symbol, and `index` would make a graph for each of its values.
        number = key if type(key) is int else index(key)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"a key must be an integer, got {key!r} of type {type(key).__name__}") from None
    if not 0 <= number < KEYS:
        raise ValueError(f"an integer rng or key must lie in [0, 2**64), got {number}")
    return number


@dataclass(frozen=True, slots=True)
class Slopes:
    """The slopes of an array, by what they are drawn from: a value of a few bytes in place of an array of noise.

    The element at ``coordinate`` has the index ``offset + sum(strides[k] * coordinate[k])`` modulo ``2**64``. A chunk or shard passes
    its place in the whole array; an axis with stride 0 shares its slopes.

    Parameters
    ----------
    lower, upper : float
        The bounds of the slopes, finite and within float32, ``lower <= upper``.
    key : int or array
        An integer in [0, 2**64), or a 0-d integer array whose 64 bits are the key and which stays on its device.
    offset : int, default: 0
        The index of the first element.
    strides : tuple of int, optional
        For each axis the step of the index; None means C order over the array itself.

    Raises
    ------
    TypeError, ValueError
        If a bound, an integer key, the offset or a stride is of the wrong type or out of its range.

    Examples
    --------
    The second row of a 3 by 4 array, alone, with the slopes it has in the whole:

    >>> import numpy as np, multirrelu
    >>> x = -np.ones((3, 4), dtype=np.float32)
    >>> whole = multirrelu.scale(x, x, multirrelu.Slopes(0.1, 0.3, key=7))
    >>> row = multirrelu.scale(x[1], x[1], multirrelu.Slopes(0.1, 0.3, key=7, offset=4))
    >>> np.array_equal(row, whole[1])
    True
    """

    lower: float
    upper: float
    key: Any
    offset: int = 0
    strides: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Check every field, so that whoever holds a `Slopes` holds a right one."""
        low, high = check_bounds(self.lower, self.upper)
        object.__setattr__(self, "lower", low)
        object.__setattr__(self, "upper", high)
        if (
            type(self.key) is int or isinstance(self.key, Integral) or not hasattr(self.key, "shape")
        ):  # NumPy's scalars are integers with a shape
            object.__setattr__(self, "key", check_key(self.key))
        elif tuple(self.key.shape) != ():
            raise ValueError(f"a key must be a 0-d array, got one of shape {tuple(self.key.shape)}")
        elif "int" not in str(self.key.dtype):
            raise TypeError(f"a key must be an integer, got an array of {self.key.dtype}")
        object.__setattr__(self, "offset", _integer("offset", self.offset) % KEYS)
        if self.strides is not None:
            if not isinstance(self.strides, Iterable):
                raise TypeError(f"strides must be a sequence of integers, got {self.strides!r}")
            object.__setattr__(self, "strides", tuple(_integer("a stride", step) for step in self.strides))


def _integer(name: str, value: object) -> int:
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def row_major(shape: tuple[int, ...], shared: Container[int] = ()) -> tuple[int, ...]:
    """Return the index's strides in C order, the default of `Slopes`; shared axes have stride 0 and do not count."""
    strides, step = [0] * len(shape), 1
    for axis in reversed(range(len(shape))):
        if axis not in shared:
            strides[axis] = step
            step *= shape[axis]
    return tuple(strides)


def output_tells(slopes: Slopes | float) -> bool:
    """Return whether ``y <= 0`` exactly where ``x <= 0``, as where no slope is negative: the backward pass then needs only the output."""
    return (slopes.lower if isinstance(slopes, Slopes) else slopes) >= 0


class Backend(Protocol):
    """The signature of a backend's one function; see the head of this module for what it promises."""

    def __call__(self, values: Array, gate: Array, slopes: Slopes | float, /, *, out: Array | None = None) -> Array:
        """Multiply each of `values` by its slope where ``gate <= 0``."""
