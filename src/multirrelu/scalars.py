"""Check the keys, integers and flags that a caller passes, and describe values and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from numbers import Integral
from operator import index
from typing import Any

KEYS = 1 << 64


def check_key(key: Any) -> int:
    """Return an integer key in [0, 2**64).

    Raises
    ------
    TypeError
        If `key` is a bool or no integer.
    ValueError
        If it is negative or too large.
    """
    # An int stays as it is: it may be a symbol of `torch.compile`, and `index` would compile a graph for each value.
    number = key if type(key) is int else check_integer("a key", key)
    if not 0 <= number < KEYS:
        raise ValueError(f"an integer rng or key must lie in [0, 2**64), got {shown(number)}")
    return number


def check_integer(name: str, value: Any) -> int:
    """Return an integer as an int.

    Raises
    ------
    TypeError
        If `value` is a bool or no integer.
    """
    if not isinstance(value, bool):
        try:
            return index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} must be an integer, got {shown(value)}")


def check_key_or_array(key: Any) -> Any:
    """Return an integer key, or a 0-d integer array, whose 64 bits are the key.

    Raises
    ------
    TypeError
        If `key` is neither an integer nor an array of integers.
    ValueError
        If an integer is out of range, or an array has axes.
    """
    shape, dtype = getattr(key, "shape", None), getattr(key, "dtype", None)
    if type(key) is int or isinstance(key, Integral) or shape is None or dtype is None:  # NumPy's integer scalars have a shape too
        return check_key(key)
    if "int" not in str(dtype):
        raise TypeError(f"a key must be an integer, got {shown(key)}")
    if tuple(shape) != ():
        raise ValueError(f"a key must be a 0-d array, got {shown(key)}")
    return key


def check_strides(strides: Any) -> tuple[int, ...] | None:
    """Return strides as a tuple of ints, or None.

    Raises
    ------
    TypeError
        If `strides` is no sequence of integers.
    """
    if strides is None:
        return None
    if not isinstance(strides, Iterable) or isinstance(strides, (str, bytes, set, frozenset, dict)):
        raise TypeError(f"strides must be a sequence of integers, got {shown(strides)}")
    return tuple(check_integer("a stride", step) for step in strides)


def check_flag(name: str, value: Any) -> bool:
    """Return a flag as a bool; a bool of Python or NumPy, 0 and 1 are flags.

    Raises
    ------
    TypeError
        If `value` is anything else, such as a string, an array or a traced flag.
    """
    if value is True or value is False:
        return value
    numpy = sys.modules.get("numpy")
    if (type(value) is int and value in (0, 1)) or (numpy is not None and isinstance(value, numpy.bool_)):
        return bool(value)
    raise TypeError(f"{name} must be True or False, got {shown(value)}")


def shown(value: object) -> str:
    """Return the description of a value in an error: the value where it is short, else its type and shape, never a whole `repr`."""
    kind = type(value)
    if isinstance(value, (str, bytes)) and kind in (str, bytes):
        text = repr(value[:60])
        return f"{text if len(text) <= 60 else text[:57] + '...'} of type {kind.__name__}"
    if kind is int and abs(value) > KEYS << 64:  # type: ignore[arg-type]  # Python refuses to print more than some thousand digits
        return f"an int of {value.bit_length()} bits"  # type: ignore[attr-defined]
    if value is None or kind in (bool, int, float, complex):
        return f"{value!r} of type {kind.__name__}"
    if isinstance(value, type):
        return f"the class {value.__name__}{origin(value)}"
    return f"{article(kind.__name__)}{origin(kind)}{_shape(value)}"


def article(noun: str) -> str:
    """Return a noun with its indefinite article: ``an int64``, ``a uint8``, ``an ndarray``."""
    return f"{'an' if noun.lower().startswith(('a', 'e', 'i', 'o', 'nd')) else 'a'} {noun}"


def origin(kind: type) -> str:
    """Return `` of pandas`` for a type of that library, and an empty string for Python's own types."""
    module = getattr(kind, "__module__", None)
    root = module.partition(".")[0] if isinstance(module, str) else ""
    return "" if root in ("", "builtins") else f" of {root}"


def _shape(value: Any) -> str:
    try:
        shape, dtype = value.shape, value.dtype
        return f" of shape {tuple(int(length) for length in shape)} and dtype {str(dtype)[:40]}"
    except Exception:  # noqa: BLE001 - where inspecting the object raises, its type is description enough
        return ""


def of_error(error: BaseException) -> str:
    """Return an error as one line, even where its own `__str__` raises."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an exception class may define a `__str__` that raises
        text = ""
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
