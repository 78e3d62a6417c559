"""Compile Python functions to C functions, and cache them on disk where Numba's cache works."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from numba import cfunc
from numba.core.caching import FunctionCache

from multirrelu._once import note

_warned = False


class Compiled(NamedTuple):
    """A C function: its address, and a Python callable for it."""

    address: int
    call: Any


def compiled(function: Callable[..., Any], signature: Any, prototype: Any) -> Compiled:
    """Compile a function, or load it from disk; its code stays until the process ends, because threads may be running it."""
    try:
        made = cfunc(signature, cache=True, error_model="numpy")(function)
    except Exception as error:  # noqa: BLE001 - a damaged file can raise any exception
        made = cfunc(signature, error_model="numpy")(function)  # raises again where the cache is not the cause
        _warn(function, error)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return Compiled(made.address, prototype(made.address))


def _warn(function: Callable[..., Any], error: Exception) -> None:
    """Warn once in a process that the cache fails, so that each process compiles for some seconds."""
    global _warned
    if _warned:
        return
    _warned = True
    slow = "so kernels are compiled anew in each process, which takes seconds"
    if (folder := _folder(function)) is None:
        note(f"Numba finds no folder for its cache that can be written to, {slow}: set NUMBA_CACHE_DIR to one")
    else:
        cure = "make room there, delete its files named _native* and _crew*, or set NUMBA_CACHE_DIR to another folder"
        note(f"Numba's cache in {folder} fails, {slow}: {cure} ({type(error).__name__}: {error})")


def _folder(function: Callable[..., Any]) -> str | None:
    try:
        return str(FunctionCache(function).cache_path)
    except RuntimeError:  # "no locator available"
        return None
