"""Turn ``rng`` into a key of 64 bits: an integer is the key, and the library of any other object draws or converts it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from ._registry import backend_for, name_of_array, owner, record_named, records_here
from .scalars import KEYS, check_key, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from .contract import Backend, Key

    Source: TypeAlias = Callable[[], Key]


def source_of(rng: Any) -> Source | None:
    """Return a function that takes one key from `rng` at each call, or None where `rng` is None; this draws nothing.

    Raises
    ------
    TypeError
        If `rng` is of a type that gives no key.
    ValueError
        If it is an integer outside [0, 2**64).
    """
    if rng is None:
        return None
    if type(rng) is int or _counts_as_int(rng):
        key = check_key(rng)
        return lambda: key
    for record in _records_of(rng):
        if record.source is not None and (source := record.source(rng)) is not None:
            return source
    if _is_key(rng):
        return lambda: rng
    raise TypeError(f"rng must be {accepted()}; got {shown(rng)}")


def _counts_as_int(rng: Any) -> bool:
    """Return whether an object is an integer and not an integer array."""
    kind = type(rng)
    return hasattr(kind, "__index__") and (isinstance(rng, Integral) or not hasattr(rng, "shape")) and kind is not bool


def _records_of(rng: Any) -> list[Backend]:
    """Return the records that may know an object: that of its library, or NumPy's for plain sequences, which are seeds of NumPy."""
    if isinstance(rng, (str, bytes, bytearray, memoryview)):
        return []
    library = "numpy" if "numpy" in sys.modules else ""  # plain sequences are seeds of NumPy
    named = library if isinstance(rng, Sequence) else owner(type(rng))
    if named:
        record = record_named(named)
        return [] if record is None else [record]
    try:  # an array such as JAX's, with a type from a package of another name
        return [backend_for(rng)]
    except TypeError:
        return []


def _is_key(rng: Any) -> bool:
    """Return whether an object is a 0-d integer array, which is a key of 64 bits."""
    try:
        backend_for(rng)
        return tuple(rng.shape) == () and "int" in str(rng.dtype)
    except Exception:  # noqa: BLE001 - an object that raises on inspection is no array
        return False


def accepted() -> str:
    """Return the accepted types of rng, including those of the imported libraries."""
    kinds = [record.accepts for _, record in records_here() if record.accepts]
    return ", ".join(["an int in [0, 2**64)", "a 0-d integer array", *kinds]) + ", or None"


def stateful(rng: Any) -> Any:
    """Return `rng` where it is a generator with a state that advances at each call, else None.

    An integer, an array or a seed sequence (an object with ``generate_state``) always gives the same key.
    """
    try:  # the object's attribute and not its type's, which `torch.compile` cannot trace
        lasting = rng is None or isinstance(rng, (Integral, Sequence)) or hasattr(rng, "shape") or hasattr(rng, "generate_state")
    except Exception:  # noqa: BLE001 - an object that raises on inspection is no generator
        return None
    return None if lasting else rng


def own_key(key: Key, backend: Backend) -> Key:
    """Return a key that `backend` can use; an array of another library is read into an int.

    Raises
    ------
    TypeError
        If the key of another library is traced, so that it cannot be read.
    """
    if type(key) is int or backend_for(key) is backend:
        return key
    try:
        return int(key.item() if hasattr(type(key), "item") else key) % KEYS  # type: ignore[union-attr]  # some lack `index`
    except Exception as error:
        raise TypeError(f"a traced key cannot be read for an array of another library, got {shown(key)} of {name_of_array(key)}") from error
