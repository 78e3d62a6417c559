"""The suite for JAX arrays, with 64-bit numbers enabled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from ..suite import Suite


class JaxSuite(Suite):
    """The capabilities that JAX lacks, and its derivatives."""

    namespace = "jax.numpy"
    sizes = (0, 1, 3, 5, 64, 130)  # XLA compiles for each size
    lacks: ClassVar[dict[str, str | None]] = {
        "writing": "JAX arrays are immutable",
        "aliasing": "JAX arrays are immutable, so views are copies",
        "read_only": "JAX arrays are always read-only",
        "second_device": "few machines have a second device",
        "generator": "JAX's keys are values: they have no state that advances",
        "default_rng": "JAX has no global generator: rng=None is an error there",
        "global_generator": "JAX has no global generator",
    }

    def context(self) -> Any:
        return pytest.importorskip("jax").enable_x64(True)

    def gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        import jax

        return jax.grad(function)(x)
