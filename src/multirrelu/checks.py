"""What the public functions ask of arrays and axes, each with one clear error."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any, TypeAlias

from ._registry import backend_of, meet, name_of
from .arrays import device_of, is_writeable, namespace_of
from .contract import Array, row_major
from .dtypes import DTYPES, dtype_name

if TYPE_CHECKING:
    from .memory import Placement

Axes: TypeAlias = int | Sequence[int] | None


def check_array(name: str, x: Array) -> Any:
    """Return the namespace of an array of a supported dtype.

    Raises
    ------
    TypeError
        If `x` is no array, or its dtype is none of the four.
    """
    meet(type(x))
    xp = namespace_of(x)
    if dtype_name(x.dtype) not in DTYPES:
        raise TypeError(f"{name} must have one of the dtypes {', '.join(DTYPES)}, got {dtype_name(x.dtype)}")
    return xp


def check_match(name: str, array: Array, like_name: str, like: Array, xp: Any) -> None:
    """Raise unless `array` is of `like`'s library (TypeError), shape, dtype and device (ValueError)."""
    own = namespace_of(array)
    if own is not xp:
        raise TypeError(f"{name} is an array of {name_of(own)}, but {like_name} is one of {name_of(xp)}")
    places = place_of(array), place_of(like)
    for what, one, other in (
        ("shape", array.shape, like.shape),
        ("dtype", array.dtype, like.dtype),
        ("device", *(places if None not in places else (None, None))),
    ):
        if one != other and not (what == "shape" and _may_be_equal(one, other)):
            raise ValueError(f"{name} has {what} {one}, but {like_name} has {what} {other}")


def _may_be_equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether shapes are equal but for sizes that neither array knows, which are NaN, as Dask's can be."""
    return len(one) == len(other) and all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))


def place_of(array: Array) -> Any:
    """Return where an array lies: its device, all of them where it is sharded, or None where that does not bind it.

    JAX knows no device of a traced array, and takes one that is not committed to any wherever it is needed.
    """
    place = device_of(array)
    return getattr(place, "device_set", place) if place is not None and getattr(array, "committed", True) else None


def check_out(name: str, out: Array, inputs: dict[str, Array], xp: Any) -> None:
    """Raise unless a result can be written to `out` while the named inputs, the first of which it resembles, are read.

    Raises
    ------
    TypeError
        If `out` is immutable, read-only, or of another library.
    ValueError
        If its shape, dtype or device differs, it overlaps itself, or it overlaps an input in part.
    """
    like_name, like = next(iter(inputs.items()))
    if out is not like:
        check_match(name, out, like_name, like, xp)
    writeable = is_writeable(out)
    place = _placement(out, xp) if writeable else None
    if not writeable or (place is not None and place.read_only):
        raise TypeError(f"{name} is immutable: an array of type {type(out).__name__} and shape {tuple(out.shape)} cannot be written to")
    if place is None:
        return
    from .memory import overlap_in_part, overlaps_itself

    if overlaps_itself(place):
        raise ValueError(f"{name} has elements that share memory, so results cannot be written to it: strides {place.axes}")
    for input_name, array in inputs.items():
        if out is not array and (other := _placement(array, xp)) is not None and overlap_in_part(place, other):
            raise ValueError(f"{name} overlaps {input_name} in part: it must be the same elements or other memory")


def same_memory(out: Array, x: Array, xp: Any) -> bool:
    """Return whether what is written to `out`, which `check_out` has passed, is written over `x`, or may be."""
    if out is x:
        return True
    one, other = _placement(out, xp), _placement(x, xp)
    return one is None or other is None or one.address == other.address


def _placement(x: Array, xp: Any) -> Placement | None:
    """Return where an array lies, or None where it has no memory."""
    own = getattr(backend_of(xp), "placement", None)
    if own is not None:
        found: Placement | None = own(x)
        return found
    from .memory import placement  # ctypes, which only writers need

    return placement(x)


def shared_strides(shape: tuple[int, ...], shared_axes: int | Sequence[int]) -> tuple[int, ...]:
    """Return the index's strides where the shared axes have stride 0 and the others those of the array without these axes.

    Raises
    ------
    TypeError
        If an axis is no integer.
    ValueError
        If it is out of range or named twice.
    """
    shared = set()
    for given in shared_axes if isinstance(shared_axes, Sequence) else (shared_axes,):
        try:
            if isinstance(given, bool):
                raise TypeError
            axis = index(given)
        except TypeError:
            raise TypeError(f"shared_axes must be integers, got {given!r} of type {type(given).__name__}") from None
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"shared axis {axis} is out of range for an array of {len(shape)} axes")
        if axis % len(shape) in shared:
            raise ValueError(f"shared axis {axis} is named twice in {shared_axes}")
        shared.add(axis % len(shape))
    return row_major(shape, frozenset(shared))
