"""The libraries that the bench can measure, one module each; a new file here adds a ``--library``.

Such a module has ``xp``, the namespace of its arrays, ``version``, and a generator ``workloads(dtype, elements)`` of `Workload`. It
restores the state of any global generator that it draws from.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ..workload import Workload


def names() -> list[str]:
    """Return the names of the libraries with a module here, without importing them."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Any:
    """Return the module of a library, which imports the library."""
    return import_module(f"{__name__}.{name}")


def workload(name: str, work: str, dtype: str, elements: int, **options: Any) -> Workload:
    """Return one of the workloads of a library."""
    found: Workload = next(one for one in load(name).workloads(dtype, elements, **options) if one.work == work)
    return found
