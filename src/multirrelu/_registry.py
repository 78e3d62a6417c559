"""Find the `Backend` of an array: one registered by a call or an entry point, one of our own, or the standard functions."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._once import attempt, undisturbed
from .contract import Backend
from .refusals import NO_NAMESPACE, check_namespace, is_array, refuse
from .scalars import of_error, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

    from .contract import Array, Scale

GROUP = "multirrelu.backends"
OURS = "multirrelu_backends"


class _Records:
    """Records as attributes by name: `torch.compile` then guards one attribute, which arrays of other libraries do not change."""


_records = _Records()
_by_hand: dict[str, Backend | Scale] = {}
_claims: dict[str, list[EntryPoint]] | None = None
failures: dict[str, str] = {}  # the reason why each claim could not be imported, for the report


def register(name: str, backend: Backend | Scale, /) -> None:
    """Register the backend of an array library; it takes precedence over an entry point of the same name.

    Parameters
    ----------
    name : str
        The array namespace, or the package that defines the library's array types: ``numpy``, ``torch``, ``dask.array``, ... An array
        type belongs to the longest name that matches.
    backend : Backend or callable
        The record. A ``scale`` function replaces ``scale``, ``scale_at`` and ``draw`` of the record that is registered, and is a record of
        its own where there is none.

    Raises
    ------
    TypeError
        If `name` is not a string, or `backend` is neither a record nor callable.

    Examples
    --------
    >>> import multirrelu
    >>> from multirrelu import agnostic
    >>> multirrelu.register("array_api_strict", agnostic.scale)
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {shown(name)}")
    if not callable(backend):
        raise TypeError(f"a backend must be a Backend or a scale function, got {shown(backend)}")
    _by_hand[name] = backend
    if isinstance(backend, Backend):
        setattr(_records, name, backend)
    elif hasattr(_records, name):
        setattr(_records, name, _with(backend, getattr(_records, name)))
    _name_by_class.cache_clear()
    _asked.clear()


def backend_for(x: Array, /) -> Backend:
    """Return the record of the library of `x`.

    Parameters
    ----------
    x : array
        An array of any library, of any dtype and shape.

    Returns
    -------
    Backend
        The registered record, or the record of the standard functions where there is none. Calling it calls its ``scale``.

    Raises
    ------
    TypeError
        If `x` is not an array.
    ValueError
        If two entry points claim the library.

    Examples
    --------
    >>> import numpy as np, multirrelu
    >>> multirrelu.backend_for(np.zeros(3)).scale.__module__
    'multirrelu_backends.numpy'
    """
    backend: Backend = getattr(_records, name_of(type(x)) or _ask(x))
    return backend


def name_of_array(x: Array) -> str:
    """Return the name under which an array's library is registered, or could be."""
    return name_of(type(x)) or _ask(x)


def name_of(kind: type) -> str:
    """Return the registered name for an array type, found by its classes, and load its record; an empty string where there is none."""
    return _name_by_class(kind)


# Set as `torch.compiler.assume_constant_result` does: Dynamo calls this function while tracing, and treats the string as a constant.
name_of._dynamo_marked_constant = True  # type: ignore[attr-defined]


@lru_cache(maxsize=512)
def _name_by_class(kind: type) -> str:
    name = owner(kind)
    # Not every type of a library is an array: an array has a shape and a dtype, and its library has a namespace.
    return name if name and hasattr(kind, "shape") and hasattr(kind, "dtype") and _record(name).namespace is not None else ""


def owner(kind: type) -> str:
    """Return the longest registered name that is a prefix of a class's module, over the classes of a type's MRO in order."""
    names = known_names()
    for base in kind.__mro__[:-1]:  # without `object`, a class of every type
        module: Any = base.__module__
        while isinstance(module, str) and module:
            if module in names:
                return module
            module = module.rpartition(".")[0]
    return ""


_asked: dict[type, str] = {}  # the names of types for which array-api-compat was asked


def _ask(x: Array) -> str:
    """Return the name of an array's namespace, with its record loaded and its namespace known.

    Raises
    ------
    TypeError
        If `x` is not an array, or it lacks the standard functions.
    """
    kind = type(x)
    if kind in _asked:
        return _asked[kind]
    import array_api_compat

    name, namespace = owner(kind), None
    try:
        namespace = array_api_compat.array_namespace(x)
    except ImportError:  # array-api-compat is incomplete, as in an application frozen without parts of it
        raise
    except Exception:  # noqa: BLE001 - TypeError where `x` is no array, or any exception of the object's own
        if not name or not is_array(x) or (namespace := _record(name).namespace) is None:
            ours = any(claim.value.startswith(f"{OURS}.") for claim in claims().get(name, []))
            refuse(x, record_named(name) if name else None, NO_NAMESPACE if name and is_array(x) and not ours else "")
    name = name or namespace.__name__.removeprefix("array_api_compat.")
    record = _record(name)
    if record.namespace is None:
        if record.scale is agnostic_record().scale:
            check_namespace(name, namespace)
        setattr(_records, name, replace(record, namespace=namespace))
    _asked[kind] = name
    return name


def record_named(name: str) -> Backend | None:
    """Return the record that is registered under a name, or None where there is none."""
    return _record(name) if name in known_names() else None


def _record(name: str) -> Backend:
    if not hasattr(_records, name):
        setattr(_records, name, _load(name))
    found: Backend = getattr(_records, name)
    return found


def known_names() -> set[str]:
    """Return all registered names."""
    return _by_hand.keys() | claims().keys()


def records_here() -> Iterator[tuple[str, Backend]]:
    """Yield the records of the imported libraries."""
    for name in sorted(known_names()):
        if name in sys.modules and (record := record_named(name)) is not None:
            yield name, record


def claims() -> dict[str, list[EntryPoint]]:
    """Return the claims by name: our own backends and the entry points of other distributions, read at the first array."""
    global _claims
    if _claims is None:
        _claims = undisturbed(_read)
    return _claims


def _read() -> dict[str, list[EntryPoint]]:
    from ._entry_points import read  # with some sixty modules, which an exception of a signal handler would leave half imported

    return read(GROUP, OURS)


def _load(name: str) -> Backend:
    """Load the record of the only claim that can be imported; a record that was registered by a call takes precedence over all claims.

    Raises
    ------
    ValueError
        If two claims can be imported.
    """
    found: dict[str, Backend] = {}
    failed = []
    for claim in claims().get(name, []):
        record, error = attempt(lambda: as_record(claim.load()))  # noqa: B023 - called at once
        if record is not None:
            found[claim.value] = record
        else:
            failed.append((claim, error or TypeError("it is None")))
    failures[name] = "; ".join(f"{claim.value} failed to import: {of_error(error)}" for claim, error in failed)
    if (by_hand := _by_hand.get(name)) is not None:
        standing = next(iter(found.values())) if len(found) == 1 else None
        return by_hand if isinstance(by_hand, Backend) else _with(by_hand, standing)
    if len(found) > 1:
        raise ValueError(f"two backends claim the name {name!r}: {' and '.join(sorted(found))}: uninstall one of them")
    for claim, error in failed:
        served = "is left out" if found else "failed to import, using the slower standard functions instead"
        warnings.warn(f"multirrelu's backend {claim.value!r} for {name} {served}: {of_error(error)}", RuntimeWarning, stacklevel=2)
    return next(iter(found.values())) if found else agnostic_record()


def _with(scale: Any, standing: Backend | None) -> Backend:
    """Return a record with another `scale`, without the `scale_at`, `draw` and `describe` of the registered one."""
    return Backend(scale=scale) if standing is None else replace(standing, scale=scale, scale_at=None, draw=None, describe=None)


def as_record(backend: Backend | Scale) -> Backend:
    """Return a record unchanged, and a function as a record of its own."""
    return backend if isinstance(backend, Backend) else Backend(scale=backend)


def agnostic_record() -> Backend:
    """Return the record of the standard functions."""
    from . import agnostic

    return Backend(scale=agnostic.scale, check=agnostic.check)
