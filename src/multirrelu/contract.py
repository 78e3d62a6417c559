"""Define the contract of a backend: `Slopes`, `Backend`, and the promises between the core and a backend, for authors of backends.

A backend multiplies arrays of one library by slopes, with one function that implements every mode and every derivative::

    scale(values, gate, slopes, /, *, out=None)

``scale`` multiplies each of ``values`` by its slope where ``gate <= 0`` and returns the result, with the shape, dtype and device of
``values``. Elements with any other gate (positive or NaN) keep their value. The core has checked the arguments:

- ``values`` and ``gate`` are arrays of the backend's library with one shape and one dtype (float16, bfloat16, float32 or
  float64). They may be the same array, read-only, empty or 0-d, and have any layout in memory.
- ``slopes`` is a float, one constant slope for all elements, or a `Slopes` with more than one point in its lattice.
- ``out`` is None (``scale`` allocates the result), or a writeable array of the same shape and dtype: ``values`` itself, ``gate`` itself,
  or memory that overlaps neither in part. ``scale`` returns ``out`` where it is given.

Half precision computes in float32 and rounds once. Fast-math is forbidden, and so is any draw other than the sampling standard's.

A backend registers by an entry point in the group ``multirrelu.backends``, or by `multirrelu.register`. The name is the array
namespace, or the package that defines the library's array types. The value is a `Backend`, or a ``scale`` function alone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .bounds import Lattice, check_bounds, lattice
from .scalars import KEYS, check_integer, check_key_or_array, check_strides, shown

__all__ = ["KEYS", "Backend", "Slopes", "made", "output_tells", "row_major"]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol, TypeAlias

    from .memory import Placement

    Array: TypeAlias = Any
    """An array of any library."""
    Key: TypeAlias = int | Array
    """An int in [0, 2**64), or a 0-d integer array whose 64 bits are the key."""

    class Scale(Protocol):
        """The primitive; see the head of this module."""

        def __call__(self, values: Array, gate: Array, slopes: Slopes | float, /, *, out: Array | None = None) -> Array:
            """Multiply each of `values` by its slope where ``gate <= 0``."""

    class Check(Protocol):
        """Raise for arguments that this library alone refuses."""

        def __call__(self, values: Array, gate: Array, out: Array | None, *, drawn: bool, stateful: object) -> None:
            """Raise before a key is drawn."""

    ScaleAt: TypeAlias = Callable[[Array, Array, Array, "Slopes | float"], Array]
    Draw: TypeAlias = Callable[[Array, "Slopes | float"], Array]
    Memory: TypeAlias = Callable[[Array], "Placement | None"]
    Source: TypeAlias = Callable[[Any], "Callable[[], Key] | None"]
    DefaultKey: TypeAlias = Callable[[Array], Key]


@dataclass(frozen=True)
class Slopes:
    """The slopes of an array, described by their bounds, key and indices: a few bytes in place of an array of noise.

    The element at ``coordinate`` has the index ``offset + sum(strides[k] * coordinate[k])`` modulo ``2**64``. A chunk or shard passes
    its position in the whole array; all elements along an axis with stride 0 share one slope.

    Parameters
    ----------
    lower, upper : float
        The bounds of the slopes, finite and within float32, ``lower <= upper``.
    key : int or array
        An integer in [0, 2**64), or a 0-d integer array, whose 64 bits are the key. The array stays on its device.
    offset : int, default: 0
        The index of the first element.
    strides : tuple of int, optional
        The step of the index along each axis; None means C order over the array itself.

    Attributes
    ----------
    lattice : Lattice or None
        The possible slopes; None where there is only one, the middle of the bounds.

    Raises
    ------
    TypeError, ValueError
        If a bound, an integer key, the offset or a stride has the wrong type or is out of range.

    Examples
    --------
    The second row of a 3 by 4 array, with the slopes that it has in the whole array:

    >>> import numpy as np, multirrelu
    >>> x = -np.ones((3, 4), dtype=np.float32)
    >>> slopes = multirrelu.Slopes(0.1, 0.3, key=7)
    >>> whole = multirrelu.scale(x, x, slopes)
    >>> row = multirrelu.scale(x[1], x[1], multirrelu.Slopes(0.1, 0.3, key=7, offset=4))
    >>> np.array_equal(row, whole[1])
    True
    """

    lower: float
    upper: float
    key: Any
    offset: int = 0
    strides: tuple[int, ...] | None = None
    lattice: Lattice | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check every field."""
        low, high = check_bounds(self.lower, self.upper)
        offset = check_integer("offset", self.offset) % KEYS
        checked = (
            ("lower", low),
            ("upper", high),
            ("key", check_key_or_array(self.key)),
            ("offset", offset),
            ("strides", check_strides(self.strides)),
        )
        for name, value in (*checked, ("lattice", lattice(low, high))):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a call of the constructor, which checks the fields."""
        return Slopes, (self.lower, self.upper, self.key, self.offset, self.strides)

    def __setstate__(self, state: Iterable[Any]) -> None:
        """Check the fields of a pickle that `__reduce__` did not make."""
        Slopes.__init__(self, *state)

    def steps(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the step of the index along each axis of an array of the given shape."""
        return row_major(shape) if self.strides is None else self.strides

    def part(self, shape: Sequence[int], first: Sequence[int]) -> Slopes:
        """Return the slopes of a part of an array of the given shape; the part starts at the given coordinates."""
        steps = self.steps(shape)
        return self.moved(sum(step * at for step, at in zip(steps, first, strict=True)), steps)

    def moved(self, by: int, strides: tuple[int, ...] | None) -> Slopes:
        """Return these slopes with another index of the first element and other strides."""
        return made(self.lower, self.upper, self.key, (self.offset + by) % KEYS, strides, self.lattice)

    def keyed(self, key: Key) -> Slopes:
        """Return these slopes with another key, which has been checked."""
        return made(self.lower, self.upper, key, self.offset, self.strides, self.lattice)


def made(lower: float, upper: float, key: Key, offset: int, strides: tuple[int, ...] | None, points: Lattice | None) -> Slopes:
    """Return a `Slopes` of fields that have been checked."""
    slopes: Slopes = object.__new__(Slopes)
    fields = slopes.__dict__  # the class is frozen, and `object.__setattr__` takes twice as long
    fields["lower"] = lower
    fields["upper"] = upper
    fields["key"] = key
    fields["offset"] = offset
    fields["strides"] = strides
    fields["lattice"] = points
    return slopes


def row_major(shape: Sequence[int], shared: Container[int] = ()) -> tuple[int, ...]:
    """Return the strides of the index in C order, the default of `Slopes`; shared axes have stride 0 and are left out of the order."""
    strides, step = [0] * len(shape), 1
    for axis in reversed(range(len(shape))):
        if axis not in shared:
            strides[axis] = step
            step *= shape[axis]
    return tuple(strides)


def output_tells(slopes: Slopes | float) -> bool:
    """Return whether no slope is negative: then ``y <= 0`` exactly where ``x <= 0``, and the backward pass needs only the output."""
    return (slopes.lower if isinstance(slopes, Slopes) else slopes) >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """All that the core knows about one array library. Only ``scale`` is required; a plain function stands for ``Backend(scale=function)``.

    Calling the record calls its ``scale``.

    Parameters
    ----------
    scale : callable
        ``scale(values, gate, slopes, /, *, out=None)``, the primitive.
    scale_at : callable, optional
        ``scale_at(values, gate, index, slopes, /)``: as ``scale``, but the int64 array ``index`` gives the index of each element. The
        offset of the slopes is added, modulo ``2**64``; the slopes have no strides. Without it, standard functions are used.
    draw : callable, optional
        ``draw(like, slopes, /)`` returns the slopes of all elements, in float64 where `like` is float64 and else in float32; a float is the
        slope of all elements. Without it, ``scale`` is called with values of one and a gate below zero.
    namespace : module, optional
        The Array API namespace. Without it, array-api-compat is asked once for each type.
    writeable : bool, optional
        Whether arrays can be written to. Without it, array-api-compat is asked for each array.
    check : callable, optional
        ``check(values, gate, out, *, drawn, stateful)`` raises for arguments that this library alone refuses, before a key is drawn.
        `drawn` is whether slopes are drawn, and `stateful` is the rng object where it is a generator with a state, else None.
    memory : callable, optional
        ``memory(array)`` returns a `multirrelu.memory.Placement`, or None where the array has no memory. Without it, NumPy's protocol or
        DLPack is asked.
    source : callable, optional
        ``source(rng)`` returns a function without arguments that gives a key at each call, or None where `rng` is not of this library.
    default_key : callable, optional
        ``default_key(x)`` returns a key for ``rng=None``, or raises. Without it, the key is fresh entropy of the operating system.
    accepts : str, default: ""
        The types that ``source`` takes, for the error that lists all accepted types of rng.
    describe : callable, optional
        ``describe()`` returns the path that arrays take and the reason, for the report.

    Raises
    ------
    TypeError
        If a field that must be a function cannot be called.

    Examples
    --------
    >>> import multirrelu
    >>> multirrelu.Backend(scale=multirrelu.agnostic.scale, accepts="a seed of mine").accepts
    'a seed of mine'
    """

    scale: Scale
    scale_at: ScaleAt | None = None
    draw: Draw | None = None
    namespace: Any = None
    writeable: bool | None = None
    check: Check | None = None
    memory: Memory | None = None
    source: Source | None = None
    default_key: DefaultKey | None = None
    accepts: str = ""
    describe: Callable[[], str] | None = None

    def __post_init__(self) -> None:
        """Check that functions can be called."""
        for name in ("scale", "scale_at", "draw", "check", "memory", "source", "default_key", "describe"):
            function = getattr(self, name)
            if not (callable(function) or (function is None and name != "scale")):
                raise TypeError(f"{name} must be callable, got {shown(function)}")

    def __call__(self, values: Array, gate: Array, slopes: Slopes | float, /, *, out: Array | None = None) -> Array:
        """Multiply each of `values` by its slope where ``gate <= 0``."""
        return self.scale(values, gate, slopes, out=out)
