"""The activation as a native layer of each framework, such as ``multirrelu.layers.torch.RReLU``; each module imports its framework."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import equinox as equinox
    from . import flax as flax
    from . import keras as keras
    from . import linen as linen
    from . import torch as torch


def __dir__() -> list[str]:
    from pkgutil import iter_modules

    return [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]


def __getattr__(name: str) -> ModuleType:
    if name in __dir__():
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
