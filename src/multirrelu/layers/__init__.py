"""The activation as a native layer of each framework: ``multirrelu.layers.torch.RReLU``; a framework is imported with its layer."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

FRAMEWORKS = ("equinox", "flax", "linen", "torch")


def __dir__() -> tuple[str, ...]:
    return FRAMEWORKS


def __getattr__(name: str) -> ModuleType:
    if name in FRAMEWORKS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
