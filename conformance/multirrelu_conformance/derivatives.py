"""Tests of derivatives by a library's own differentiation, of any order, and for elements with any indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from multirrelu import Slopes

from . import reference
from .bits import Host, to_host
from .indices import chosen
from .layouts import data
from .library import Library

LOWER, UPPER = 1 / 8, 1 / 3
BOUNDS = {
    "positive": (LOWER, UPPER),
    "from_zero": (0.0, 0.5),
    "across_zero": (-0.5, 0.25),
    "negative": (-0.9, -0.1),
    "above_one": (2.0, 5.0),
    "equal": (0.2, 0.2),
    "equal_negative": (-0.2, -0.2),
    "zero": (0.0, 0.0),
}
MODES = {"training": True, "evaluation": False}


def applied(bounds: tuple[float, float], training: bool, key: int) -> Slopes | float:
    """Return the slopes that a call with the given bounds applies."""
    drawn = training and bounds[0] < bounds[1]
    return Slopes(*bounds, key) if drawn else 0.5 * bounds[0] + 0.5 * bounds[1]


def weights(size: int) -> Host:
    """Return integers from -9 to 9 except 0, whose products with a slope are exact in float64."""
    return np.random.default_rng(99).choice([n for n in range(-9, 10) if n], size).astype(np.float64)


def factor_of(x: Host, slopes: Slopes | float, dtype: str) -> Host:
    """Return the derivative of each element: its slope where x is zero or less, else 1."""
    wide = reference.drawn(x.shape, slopes) if isinstance(slopes, Slopes) else np.full(x.shape, slopes)
    if dtype != "float64":
        wide = wide.astype(np.float32)
    return to_host(np.where(x <= 0, wide, 1), dtype)


class Derivatives(Library):
    """The derivatives of `rrelu` and `scale_at` by automatic differentiation."""

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("bounds", BOUNDS)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_automatic_gradient(self, dtype: str, bounds: str, mode: str) -> None:
        """The library's own differentiation gives the same factors as the pullback, including at zero."""
        self.need("autograd")
        x = data((300,), dtype, seed=13)
        x[np.isinf(x)] = -2.0
        x[::50] = np.nan
        array, c = self.array(x, dtype), self.array(weights(300), dtype)
        function = self._function(BOUNDS[bounds], MODES[mode])
        gradient = self.gradient(lambda v: self.xp.sum(c * function(v)), array)
        _, pullback = self.api.rrelu_vjp(array, *BOUNDS[bounds], training=MODES[mode], rng=61)
        self.check(gradient, self.host(pullback(c)), dtype, inputs={"x": x}, bounds=bounds)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("bounds", BOUNDS)
    def test_second_order(self, bounds: str, mode: str) -> None:
        """The second derivative of the sum of c * rrelu(x)**2 is 2 * c * slope**2; that of a linear function is zero."""
        self.need("autograd", "second_order")
        x = data((300,), "float64", seed=14)
        x[np.isinf(x)] = -2.0
        array, c = self.array(x, "float64"), self.array(weights(300), "float64")
        function = self._function(BOUNDS[bounds], MODES[mode])

        def first(v: Any) -> Any:
            return self.gradient(lambda u: self.xp.sum(c * function(u) ** 2), v)

        second = self.host(self.gradient(lambda v: self.xp.sum(first(v)), array))
        factor = factor_of(x, applied(BOUNDS[bounds], MODES[mode], 61), "float64")
        np.testing.assert_allclose(second, 2 * weights(300) * factor**2, rtol=1e-13)

    @pytest.mark.parametrize("bounds", BOUNDS)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_automatic_gradient_of_two_calls(self, dtype: str, bounds: str) -> None:
        """Each of several calls is differentiated with its own slopes, even after later draws."""
        self.need("autograd")
        x = data((300,), dtype, seed=15)
        x[np.isinf(x)] = -2.0
        array, c = self.array(x, dtype), self.array(weights(300), dtype)
        one, other = self._function(BOUNDS[bounds], True), self._function(BOUNDS[bounds], True, 62)
        gradient = self.host(self.gradient(lambda v: self.xp.sum(c * one(v)) + self.xp.sum(c * other(v)), array))
        factors = [factor_of(x, applied(BOUNDS[bounds], True, key), dtype) for key in (61, 62)]
        expected = sum(weights(300).astype(dtype) * factor for factor in factors)
        rounding = 1e-5 if dtype == "float32" else 1e-13  # the rounding of the sum, in which both may cancel
        np.testing.assert_allclose(gradient, expected, rtol=rounding, atol=rounding)

    @pytest.mark.parametrize("bounds", BOUNDS)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_automatic_gradient_of_scale_at(self, dtype: str, bounds: str) -> None:
        """Elements with any indices are differentiated with the slopes of these indices."""
        self.need("autograd", "scale_at")
        x, index, slopes = data((300,), dtype, seed=16), chosen(300, seed=16, around=2**40), applied(BOUNDS[bounds], True, 63)
        x[np.isinf(x)] = -2.0
        x[::50] = np.nan
        array, c, at = self.array(x, dtype), self.array(weights(300), dtype), self.from_numpy(index)
        gradient = self.gradient(lambda v: self.xp.sum(c * self.api.scale_at(v, v, at, slopes)), array)
        expected = reference.scaled_at(weights(300).astype(dtype), x, index, slopes, dtype)
        self.check(gradient, expected, dtype, inputs={"x": x, "index": index}, bounds=bounds)

    @pytest.mark.parametrize("bounds", BOUNDS)
    def test_second_order_of_scale_at(self, bounds: str) -> None:
        """The second derivative of the sum of c * scale_at(x)**2 is 2 * c * slope**2."""
        self.need("autograd", "second_order", "scale_at")
        x, index, slopes = data((300,), "float64", seed=17), chosen(300, seed=17), applied(BOUNDS[bounds], True, 64)
        x[np.isinf(x)] = -2.0
        array, c, at = self.array(x, "float64"), self.array(weights(300), "float64"), self.from_numpy(index)

        def first(v: Any) -> Any:
            return self.gradient(lambda u: self.xp.sum(c * self.api.scale_at(u, u, at, slopes) ** 2), v)

        second = self.host(self.gradient(lambda v: self.xp.sum(first(v)), array))
        factor = reference.scaled_at(np.ones(300), x, index, slopes, "float64")
        np.testing.assert_allclose(second, 2 * weights(300) * factor**2, rtol=1e-13)

    def _function(self, bounds: tuple[float, float], training: bool, key: int = 61) -> Callable[[Any], Any]:
        return lambda x: self.api.rrelu(x, *bounds, training=training, rng=key)
