"""Check the arrays and axes that a caller passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._registry import backend_for, name_of_array
from .contract import row_major
from .dtypes import DTYPES, dtype_name
from .memory import overlap_in_part, overlaps_itself, placement
from .scalars import check_integer, shown

if TYPE_CHECKING:
    from typing import TypeAlias

    from .contract import Array, Backend
    from .memory import Placement

    Axes: TypeAlias = int | Sequence[int] | None


def check_array(name: str, x: Array) -> Backend:
    """Return the record of an array, whose dtype is supported.

    Raises
    ------
    TypeError
        If `x` is no array, or its dtype is none of the four.
    """
    backend = backend_for(x)
    dtype = dtype_name(x.dtype)
    if dtype not in DTYPES:
        cure = _cure(name, x) if "int" in dtype or "bool" in dtype else ""
        raise TypeError(f"{name} must have one of the dtypes {', '.join(DTYPES)}, got {dtype}{cure}")
    return backend


def _cure(name: str, x: Array) -> str:
    """Return how to convert an array to floating point, after a colon."""
    if hasattr(x, "astype"):
        return f": pass {name}.astype('float32')"
    return f": pass {name}.float()" if hasattr(x, "float") else ": convert it to float32"


def check_match(name: str, array: Array, like_name: str, like: Array, backend: Backend) -> None:
    """Raise unless `array` has the library (TypeError), shape, dtype and device (ValueError) of `like`."""
    if _twins(array, like):
        return
    _check_shape(name, array, like_name, like, backend)
    if array.dtype != like.dtype and dtype_name(array.dtype) != dtype_name(like.dtype):  # byte orders may differ
        raise ValueError(f"{name} has dtype {array.dtype}, but {like_name} has dtype {like.dtype}")
    _check_device(name, array, like_name, like)


def _twins(array: Array, like: Array) -> bool:
    """Return whether two arrays match by the very same objects, as most do; else each property is compared as its library needs."""
    try:
        return type(array) is type(like) and array.dtype is like.dtype and array.shape == like.shape and array.device == like.device
    except Exception:  # noqa: BLE001 - each library raises its own error for a traced array
        return False


def check_index(index: Array, values: Array, backend: Backend) -> None:
    """Raise unless `index` is an int64 array (TypeError) with the library (TypeError), shape and device (ValueError) of `values`."""
    _check_shape("index", index, "values", values, backend)
    if (dtype := dtype_name(index.dtype)) != "int64":
        raise TypeError(f"index must have the dtype int64, got {dtype}")
    _check_device("index", index, "values", values)


def _check_shape(name: str, array: Array, like_name: str, like: Array, backend: Backend) -> None:
    if backend_for(array) is not backend:
        raise TypeError(f"{name} is an array of {name_of_array(array)}, but {like_name} is one of {name_of_array(like)}")
    if not _same_shape(array, like, backend):
        raise ValueError(f"{name} has shape {tuple(array.shape)}, but {like_name} has shape {tuple(like.shape)}")


def _check_device(name: str, array: Array, like_name: str, like: Array) -> None:
    own, other = device_of(array), device_of(like)
    if own is not other and own != other and None not in (own := place_of(array), other := place_of(like)) and own != other:
        raise ValueError(f"{name} has device {own}, but {like_name} has device {other}")


def _same_shape(array: Array, like: Array, backend: Backend) -> bool:
    try:
        return bool(array.shape == like.shape) or _may_be_equal(array.shape, like.shape)
    except Exception:
        if backend.check is not None:  # the library explains why an array without a shape, such as a nested tensor, is not served
            backend.check(like, array, None, drawn=False, stateful=None)
        raise


def _may_be_equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether shapes are equal, where sizes that neither array knows (NaN, as in Dask) may be equal."""
    return len(one) == len(other) and all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))


def device_of(array: Array) -> Any:
    """Return the device of an array as its library names it, or None where there is none or it is unknown in a trace."""
    try:
        return array.device
    except Exception:  # noqa: BLE001 - each library raises its own error for a traced array
        return None


def on(device: Any) -> dict[str, Any]:
    """Return the keyword arguments that create an array on a device; empty where there is no device."""
    return {} if device is None else {"device": device}


def place_of(array: Array) -> Any:
    """Return the device of an array, all its devices where it is sharded, or None where it is not bound to one.

    JAX moves an array that is not committed to a device to the device where it is needed.
    """
    place = device_of(array)
    # TensorFlow's device string is empty in a graph.
    return getattr(place, "device_set", place) if place not in (None, "") and getattr(array, "committed", True) else None


def is_writeable(array: Array, backend: Backend) -> bool:
    """Return whether an array can be written to, by its record or else by array-api-compat."""
    if backend.writeable is not None:
        return backend.writeable
    from array_api_compat import is_writeable_array

    return bool(is_writeable_array(array))


def check_out(name: str, out: Array, like_name: str, like: Array, backend: Backend) -> None:
    """Raise unless a result like `like` can be written to `out` while `like` is read.

    Raises
    ------
    TypeError
        If `out` is immutable, read-only, or of another library.
    ValueError
        If its shape, dtype or device differs, it overlaps itself, or it overlaps `like` in part.
    """
    if out is not like:
        check_match(name, out, like_name, like, backend)
    memory = backend.memory or placement
    if not is_writeable(out, backend) or ((place := memory(out)) is not None and place.read_only):
        raise TypeError(f"{name} is immutable: {shown(out)} cannot be written to")
    if place is None:
        return
    if overlaps_itself(place):
        layout = f"shape {place.shape}, strides {place.strides}"
        raise ValueError(f"{name} has elements that share memory, so results cannot be written to it: {layout}")
    if out is not like and (other := memory(like)) is not None and overlap_in_part(place, other):
        raise ValueError(f"{name} overlaps {like_name} in part: it must be the same elements or other memory")


def same_memory(out: Array, x: Array, backend: Backend) -> bool:
    """Return whether writing to `out`, which has passed `check_out`, overwrites `x` or may overwrite it."""
    if out is x:
        return True
    one, other = memory_of(out, backend), memory_of(x, backend)
    return one is None or other is None or one.address == other.address


def memory_of(x: Array, backend: Backend) -> Placement | None:
    """Return the placement of an array in memory, or None where it has no memory."""
    return (backend.memory or placement)(x)


def shared_strides(shape: tuple[int | None, ...], shared_axes: int | Sequence[int]) -> tuple[int, ...]:
    """Return the strides of the index: 0 for the shared axes, and for the others those of the array without the shared axes.

    A size may be unknown (None) where no stride depends on it: the size of a shared axis, and of the first of the other axes.

    Raises
    ------
    TypeError
        If an axis is no integer.
    ValueError
        If it is out of range or named twice, or a size must be known.
    """
    shared: set[int] = set()
    axes = axes_of(shared_axes)
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"shared axis {axis} is out of range for an array of {len(shape)} axes")
        if axis % len(shape) in shared:
            raise ValueError(f"shared axis {axis} is named twice in {axes}")
        shared.add(axis % len(shape))
    if None in [size for axis, size in enumerate(shape) if axis not in shared][1:]:
        raise ValueError(f"slopes are shared along axes only where the sizes of the others are known, but for the first; got shape {shape}")
    return row_major([0 if size is None else size for size in shape], frozenset(shared))


def axes_of(shared_axes: int | Sequence[int]) -> tuple[int, ...]:
    """Return one axis or several axes as ints.

    Raises
    ------
    TypeError
        If an axis is no integer.
    """
    several = isinstance(shared_axes, Sequence) and not isinstance(shared_axes, (str, bytes, bytearray))
    return tuple(check_integer("a shared axis", axis) for axis in (shared_axes if several else (shared_axes,)))  # type: ignore[union-attr]
