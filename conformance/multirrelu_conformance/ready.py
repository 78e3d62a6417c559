"""Suites made by name: what ``python -m multirrelu conformance`` runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .suite import Suite


class JaxSuite(Suite):
    """The suite as JAX can take it: with 64-bit numbers, and with few sizes, for XLA compiles for each anew."""

    sizes = (0, 1, 3, 5, 64, 130)

    @pytest.fixture(autouse=True)
    def _wide(self) -> Iterator[None]:
        with pytest.importorskip("jax").enable_x64(True):
            yield


SUITES: dict[str, type[Suite]] = {"jax.numpy": JaxSuite}
"""For each namespace that needs more than its name what a suite of it is made of."""


def suite_for(namespace: str, scale: Callable[..., Any] | None = None) -> type[Suite]:
    """Return a suite for a namespace, to be named ``TestSomething`` in a test file; `scale` is a backend that is not registered."""
    base: Any = SUITES.get(namespace, Suite)
    suite: type[Suite] = type(f"Suite of {namespace}", (base,), {"namespace": namespace, "scale": scale})
    return suite
