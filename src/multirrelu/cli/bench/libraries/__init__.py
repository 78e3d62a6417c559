"""One module for each library that can be measured; a further file here is a further ``--library``.

Such a module has ``xp``, the namespace of its arrays, ``version``, and a generator ``workloads(dtype, elements)`` of `Workload`. It draws
nothing from a global generator that it does not put back.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def names() -> list[str]:
    """Return the names of the libraries that there are, without importing them."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Any:
    """Return the module of a library, which is imported with it."""
    return import_module(f"{__name__}.{name}")
