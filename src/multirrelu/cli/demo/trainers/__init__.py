"""The libraries that can train the demo's classifier, one module each; a new file here adds a ``--library``.

A trainer is a module with one function::

    train(task: Task, bounds: Bounds, done: Callable[[], None]) -> list[Point]

It copies ``task.weights``, takes the step of each of ``task.batches`` with the keys in ``task.keys``, and after each epoch evaluates
the network on ``task.train`` and ``task.test`` with the constant slope of evaluation and calls ``done()``. The module may have a
``LABEL``, which results show instead of the name of the library.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..result import Point
    from ..task import Bounds, Task

    Trainer = Callable[[Task, Bounds, Callable[[], None]], list[Point]]


def names() -> list[str]:
    """Return the names of the trainers, without importing them."""
    return sorted(module.name for module in iter_modules(__path__))


def load(name: str) -> Trainer:
    """Return the trainer of a library, which imports the library."""
    train: Trainer = import_module(f"{__name__}.{name}").train
    return train


def label(name: str) -> str:
    """Return the name of a trainer in results."""
    given: str = getattr(import_module(f"{__name__}.{name}"), "LABEL", name)
    return given
