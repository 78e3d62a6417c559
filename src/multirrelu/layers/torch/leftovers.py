"""Find the uses of PyTorch's RReLU that a conversion cannot replace, with the reasons."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import cache, partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import nn

from .layer import RReLU

THEIRS = (torch.nn.functional.rrelu, torch.nn.functional.rrelu_, torch.rrelu, torch.rrelu_)
CALL = "call multirrelu.layers.torch.rrelu there"


def leftovers(module: nn.Module) -> Iterator[str]:
    """Yield where a model applies PyTorch's RReLU other than by a ``torch.nn.RReLU`` submodule, and how to replace it."""
    seen = set(map(id, module.modules()))
    for path, one in module.named_modules():
        kind, place = type(one), path or type(one).__name__
        if getattr(one, "original_name", None) == nn.RReLU.__name__:
            yield f"{place} (scripted or traced: convert the model before)"
        elif isinstance(one, nn.RReLU):
            if not isinstance(one, RReLU):
                yield f"{place} (of {kind.__name__}, a subclass: derive it from multirrelu.layers.torch.RReLU)"
        else:
            prefix = f"{path}." if path else ""
            for name, value in vars(one).items():
                if name not in _INTERNAL:
                    yield from _held(prefix + name, value, seen)
            for function in _callers(kind):  # type: ignore[arg-type] # mypy takes a type[Any] for unhashable
                yield f"{prefix}{function} (a call of PyTorch's function: {CALL})"


_INTERNAL = vars(nn.Module()).keys()  # such as `_modules`


def _held(place: str, value: object, seen: set[int]) -> Iterator[str]:
    """Yield the contents of an attribute that PyTorch does not see: PyTorch's function, or layers in plain containers."""
    if isinstance(value, partial):
        value = value.func
    if any(value is one for one in THEIRS):
        yield f"{place} (PyTorch's function: take multirrelu.layers.torch.rrelu)"
    elif isinstance(value, FunctionType) and _calls(value):
        yield f"{place} (a call of PyTorch's function: {CALL})"
    elif isinstance(value, nn.Module):
        if id(value) not in seen and any(type(one) is nn.RReLU for one in value.modules()):
            yield f"{place} (in a plain container, which PyTorch does not see: use torch.nn.ModuleList or ModuleDict)"
    elif isinstance(value, dict | list | tuple) and id(value) not in seen:
        seen.add(id(value))  # a container may hold itself
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _held(f"{place}[{key!r}]", item, seen)


@cache  # each class is read once
def _callers(kind: type) -> tuple[str, ...]:
    """Return the names of the methods of a class and its bases that call PyTorch's function; PyTorch's own layers are left out."""
    bases = [base for base in kind.__mro__ if not base.__module__.startswith("torch.nn.")]
    functions = {name: value for base in bases for name, value in vars(base).items() if isinstance(value, FunctionType)}
    return tuple(name for name, value in functions.items() if name != "__init__" and _calls(value))  # `__init__` only sets attributes


def _calls(function: FunctionType) -> bool:
    return any(thing is one for thing in _loaded(function.__code__, function.__globals__) for one in THEIRS)


def _loaded(code: CodeType, names: dict[str, Any]) -> Iterator[Any]:
    """Yield the global objects that a function loads, and the attributes that it loads from PyTorch's modules."""
    thing = None
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            thing = names.get(step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(thing, ModuleType) and thing.__name__.partition(".")[0] == "torch":
            thing = getattr(thing, step.argval, None)
        else:
            thing = None
        yield thing
        if isinstance(step.argval, CodeType):  # an inner function
            yield from _loaded(step.argval, names)
