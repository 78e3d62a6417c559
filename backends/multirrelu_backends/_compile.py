"""Compile functions to C functions, and keep them on disk where one of Numba's places for that can be written to."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from numba import cfunc


class Compiled(NamedTuple):
    """A C function: its address, and what calls it from Python."""

    address: int
    call: Any


def compiled(function: Callable[..., Any], signature: Any, prototype: Any) -> Compiled:
    """Compile a function, or load it from disk; its code stays until the process ends, for threads may be in it."""
    try:
        made = cfunc(signature, cache=True, error_model="numpy")(function)
    except RuntimeError:  # "no locator available": a read-only installation and no writeable home
        made = cfunc(signature, error_model="numpy")(function)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return Compiled(made.address, prototype(made.address))
