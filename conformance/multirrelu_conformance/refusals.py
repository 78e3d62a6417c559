"""The check of all tests of errors: a call is refused with its message, before anything is written or drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from .bits import assert_equal_bits
from .library import Library

FUNCTIONS = ("rrelu", "rrelu_vjp", "draw_slopes")


class Refusals(Library):
    """The base class of the tests of errors."""

    @contextmanager
    def _refused(
        self, error: type[Exception] | tuple[type[Exception], ...], match: str, rng: np.random.Generator | None = None, **kept: Any
    ) -> Iterator[None]:
        """Fail unless an error with its message is raised, and arrays and a generator are unchanged after it."""
        before = {name: self.host(array).copy() for name, array in kept.items()}
        state = rng and rng.bit_generator.state
        with pytest.raises(error, match=match):
            yield
        for name, array in kept.items():
            assert_equal_bits(self.host(array), before[name], what=f"{name} was written to before the error")
        if rng:
            assert rng.bit_generator.state == state, "a key was drawn before the error"

    def _call(self, name: str, x: Any, *bounds: Any, **options: Any) -> Any:
        if name == "draw_slopes":
            options.pop("training", None)
        return getattr(self.api, name)(x, *bounds, **options)
