"""Raise for an object that is no array, with an error that says how to convert it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from .scalars import article, origin, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contract import Backend

NEEDED = ("int64", "float32", "arange", "asarray", "astype", "broadcast_to", "full", "ones", "reshape", "where", "zeros", "zeros_like")
"""The functions of a namespace that `multirrelu.agnostic` needs."""

NO_NAMESPACE = ": its record has no namespace, register multirrelu.Backend(scale=..., namespace=...)"


def refuse(x: Any, record: Backend | None, advice: str = "") -> NoReturn:
    """Raise for an object that belongs to no backend.

    Parameters
    ----------
    x : object
        No array.
    record : Backend or None
        The record of the library that defines the object's type. Its `check` is called first, because the library knows its types.
    advice : str
        The end of the error, in place of how to convert the object.

    Raises
    ------
    TypeError
        Always.
    """
    if record is not None and record.check is not None:
        try:
            record.check(x, x, None, drawn=False, stateful=None)
        except TypeError:
            raise
        except Exception:  # noqa: BLE001, S110 - the check expects an array, and this object is none
            pass
    kind = type(x)
    named = f"{article(kind.__name__)}{origin(kind)}" if origin(kind) else shown(x)
    raise TypeError(f"expected an array, got {named}{advice or cure(x)}")


def is_array(x: Any) -> bool:
    """Return whether an object has the shape and the dtype of an array, even if its namespace is unknown."""
    try:
        return isinstance(tuple(x.shape), tuple) and x.dtype is not None
    except Exception:  # noqa: BLE001 - an object that raises on inspection is no array
        return False


def cure(x: Any) -> str:
    """Return how to convert an object to an array, after a colon; an empty string where there is no way."""
    kind = type(x)
    if issubclass(kind, (list, tuple, range, int, float)):
        return ": pass an array of it, such as numpy.asarray(x, dtype='float32')"
    return next((text for offered, text in CURES if offered(kind)), "") or _of_buffer(x)


def _has(*names: str) -> Callable[[type], bool]:
    return lambda kind: all(hasattr(kind, name) for name in names)


# The methods that an object may offer, the best first. A list of libraries would miss those that nobody knew when it was written.
CURES: tuple[tuple[Callable[[type], bool], str], ...] = (
    (_has("dims", "data"), ": pass x.data, or use apply_ufunc(multirrelu.rrelu, x, dask='allowed')"),
    (_has("to_numpy"), ": pass x.to_numpy()"),
    (_has("collect"), ": call x.collect() first"),
    (_has("magnitude"), ": pass x.magnitude"),
    (_has("toarray"), ": pass x.toarray()"),
    (_has("numpy"), ": pass x.numpy()"),
    (_has("__dlpack__"), ": pass numpy.from_dlpack(x)"),
    (_has("shape", "dtype", "__getitem__"), ": read it into memory, pass x[...]"),
    (_has("dims"), ": use apply_ufunc(multirrelu.rrelu, x, dask='allowed')"),
    (_has("__array__"), ": pass numpy.asarray(x)"),
    (_has("__array_interface__"), ": pass numpy.asarray(x)"),
)


def _of_buffer(x: Any) -> str:
    """Return how to convert an object that exports a buffer of numbers, such as ``array.array``."""
    try:
        numbers = memoryview(x).format[-1:] in ("e", "f", "d")
    except (TypeError, ValueError, BufferError):
        return ""
    return ": pass numpy.asarray(x)" if numbers else ""


def check_namespace(name: str, namespace: Any, needed: tuple[str, ...] = NEEDED) -> None:
    """Raise unless a namespace has the standard functions that its arrays need, by default those of `multirrelu.agnostic`.

    Raises
    ------
    TypeError
        If one is missing.
    """
    missing = [function for function in needed if not hasattr(namespace, function)]
    if missing:
        raise TypeError(f"arrays of {name} are not supported: its namespace lacks {', '.join(missing)}")
