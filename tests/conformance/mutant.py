"""What a mutant is: a defect, and the tests that reject it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import multirrelu
from multirrelu import agnostic


@dataclass(frozen=True)
class Mutant:
    """A defect: in the backend, in the public functions, or in what a suite says of its library; and which tests reject it, all of them."""

    exact: tuple[str, ...]
    statistics: tuple[str, ...] = ()
    backend: Any = agnostic.scale
    api: Any = multirrelu
    namespace: str = "numpy"
    suite: dict[str, Any] = field(default_factory=dict)


def api(**wrong):
    """Return multirrelu's public functions, some of them replaced."""
    return SimpleNamespace(**{name: getattr(multirrelu, name) for name in multirrelu.__all__} | wrong)
