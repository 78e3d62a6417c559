"""Find the backend of an array's namespace: registered by hand, by an entry point, or else the standard functions."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import Any
from weakref import WeakSet

from . import agnostic
from .arrays import namespace_of
from .contract import Array, Backend

GROUP = "multirrelu.backends"

_claims: dict[str, list[EntryPoint]] = {}
_backends: dict[str, Backend] = {}
_met: WeakSet[type] = WeakSet()


def name_of(namespace: Any) -> str:
    """Return the name under which a backend of this namespace registers, such as ``numpy`` or ``jax.numpy``."""
    return str(namespace.__name__).removeprefix("array_api_compat.")


def register(namespace: str, scale: Backend, /) -> None:
    """Make `scale` the backend of a namespace, before any entry point's.

    Parameters
    ----------
    namespace : str
        The array namespace's name: ``numpy``, ``torch``, ``cupy``, ``jax.numpy``, ``dask.array``, ...
    scale : callable
        The backend; `multirrelu.contract` says what it promises.

    Raises
    ------
    TypeError
        If `namespace` is not a string or `scale` cannot be called.

    Examples
    --------
    >>> import multirrelu
    >>> from multirrelu import agnostic
    >>> multirrelu.register("array_api_strict", agnostic.scale)
    """
    if not isinstance(namespace, str):
        raise TypeError(f"namespace must be a string, got {namespace!r} of type {type(namespace).__name__}")
    if not callable(scale):
        raise TypeError(f"scale must be callable, got {scale!r} of type {type(scale).__name__}")
    _backends[namespace] = scale


def backend_for(x: Array, /) -> Backend:
    """Return the ``scale`` that serves the arrays of `x`'s library.

    Parameters
    ----------
    x : array
        An array of any library, of any dtype and shape.

    Returns
    -------
    callable
        The registered backend, or `multirrelu.agnostic.scale` where there is none.

    Raises
    ------
    TypeError
        If `x` is not an array.
    ValueError
        If two entry points claim the namespace.

    Examples
    --------
    >>> import numpy as np, multirrelu
    >>> multirrelu.backend_for(np.zeros(3)).__module__
    'multirrelu_backends.numpy'
    """
    return backend_of(namespace_of(x))


def backend_of(namespace: Any) -> Backend:
    """Return the backend of a namespace, loading it at its first use."""
    name = name_of(namespace)
    _find(name)
    return _backends[name]


def meet(kind: type) -> None:
    """Load the backend that is named as the package that a type of arrays comes from, for it may know that type, and tell it."""
    if kind not in _met:
        _met.add(kind)
        if (name := kind.__module__.partition(".")[0]) in _claims:
            _find(name)
            getattr(_backends[name], "meet", lambda _: None)(kind)


def _find(name: str) -> None:
    if name not in _backends:
        _backends[name] = _load(name)


# What `torch.compiler.assume_constant_result` sets: while Dynamo traces it may call these two, but cannot follow the load.
meet._dynamo_marked_constant = _find._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _load(name: str) -> Backend:
    claims = _claims.get(name, [])
    if len(claims) > 1:
        raise ValueError(f"two backends claim the namespace {name!r}: " + " and ".join(sorted(c.value for c in claims)))
    backend: Backend = agnostic.scale
    for claim in claims:
        try:
            loaded = claim.load()
            if not callable(loaded):
                raise TypeError(f"it is no function but {loaded!r}")
            backend = loaded
        except Exception as error:  # noqa: BLE001 (whatever somebody's module raises must not stop the array from being served)
            warnings.warn(
                f"multirrelu's backend {claim.value!r} for {name} failed to import, the standard functions serve instead: {error!r}",
                RuntimeWarning,
                stacklevel=2,
            )
    return backend


def scan() -> None:
    """Read the names of all entry points, and load those whose framework is there: Dynamo cannot trace such a load later."""
    _claims.clear()
    for claim in entry_points(group=GROUP):
        claims = _claims.setdefault(claim.name, [])
        if claim.value not in (other.value for other in claims):  # an editable install beside a wheel is one claim
            claims.append(claim)
    for name, claims in _claims.items():
        # A backend's module that is there already is just being imported, and had this package imported in its turn.
        if len(claims) == 1 and name in sys.modules and claims[0].module not in sys.modules:
            _find(name)
