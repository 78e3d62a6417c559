"""Tests of gradients: the factor of the backward pass is the slope of the forward pass."""

from __future__ import annotations

import numpy as np
import pytest

from multirrelu import Slopes
from multirrelu.dtypes import DTYPES

from . import reference
from .bits import assert_equal_bits, to_host
from .derivatives import BOUNDS, MODES, Derivatives, applied, factor_of, weights
from .layouts import data

LOWER, UPPER = 1 / 8, 1 / 3


class Gradients(Derivatives):
    """The pullback, and the derivatives of libraries with automatic differentiation."""

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("bounds", BOUNDS)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_factor_is_the_slope_drawn(self, dtype: str, bounds: str, mode: str) -> None:
        """The pullback of ones is the slope where x is zero or less, and 1 where it is positive or NaN."""
        x = data((700,), dtype, seed=1)
        x[::50] = np.nan
        x[np.isneginf(x)] = -2.0  # times a slope of zero, it would be NaN, and its gradient undefined
        slopes = applied(BOUNDS[bounds], MODES[mode], 51)
        factor = factor_of(x, slopes, dtype)
        y, pullback = self.api.rrelu_vjp(self.array(x, dtype), *BOUNDS[bounds], training=MODES[mode], rng=51)
        self.check(y, reference.rrelu(x, slopes, dtype), dtype, inputs={"x": x}, bounds=bounds, key=51)
        ones = self.array(np.ones(x.shape), dtype)
        self.check(pullback(ones), factor, dtype, inputs={"x": x}, bounds=bounds, key=51)

    @pytest.mark.parametrize("bounds", BOUNDS)
    def test_factor_is_that_of_draw_slopes(self, bounds: str) -> None:
        """`draw_slopes` returns the factors of the backward pass."""
        x = data((300,), "float32", seed=2)
        x[np.isneginf(x)] = -2.0
        array = self.array(x, "float32")
        slopes = self.host(self.api.draw_slopes(array, *BOUNDS[bounds], rng=52))
        _, pullback = self.api.rrelu_vjp(array, *BOUNDS[bounds], training=True, rng=52)
        self.check(pullback(self.filled((300,), 1.0)), np.where(x <= 0, slopes, np.float32(1)), "float32", inputs={"x": x}, bounds=bounds)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("bounds", BOUNDS)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_factor_at_zero(self, dtype: str, bounds: str, mode: str) -> None:
        """At a zero of either sign the derivative is the slope, as in PyTorch's kernels."""
        x = to_host([0.0, -0.0, 0.0, 0.0, -0.0] * 13, dtype)
        factor = factor_of(x, applied(BOUNDS[bounds], MODES[mode], 53), dtype)
        _, pullback = self.api.rrelu_vjp(self.array(x, dtype), *BOUNDS[bounds], training=MODES[mode], rng=53)
        self.check(pullback(self.array(np.ones(x.shape), dtype)), factor, dtype, inputs={"x": x}, bounds=bounds)

    @pytest.mark.parametrize("slope", [0.0, 1e-30])
    def test_factor_where_the_output_is_minus_zero(self, slope: float) -> None:
        """The slope is the factor where the product underflows to -0.0."""
        x = to_host([-1e-30, -1.0, 1.0, -1e-30], "float32")
        y, pullback = self.api.rrelu_vjp(self.array(x, "float32"), slope, slope)
        assert_equal_bits(self.host(y)[[0, 3]], np.asarray([-0.0, -0.0], dtype=np.float32))
        expected = np.where(x <= 0, np.float32(slope), np.float32(1))
        self.check(pullback(self.filled((4,), 1.0)), expected, "float32", inputs={"x": x}, slope=slope)

    @pytest.mark.parametrize("bounds", ["positive", "across_zero"])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_cotangent(self, dtype: str, bounds: str) -> None:
        """The pullback multiplies any cotangent, including NaN and infinities; zero gives zero."""
        x, g = data((900,), dtype, seed=3), data((900,), dtype, seed=4)
        x[np.isneginf(x)] = -2.0
        g[::40], g[1::40] = np.nan, 0.0
        slopes = Slopes(*BOUNDS[bounds], 54)
        _, pullback = self.api.rrelu_vjp(self.array(x, dtype), *BOUNDS[bounds], training=True, rng=54)
        self.check(pullback(self.array(g, dtype)), reference.scaled(g, x, slopes, dtype), dtype, inputs={"x": x, "g": g}, bounds=bounds)

    @pytest.mark.parametrize("bounds", ["positive", "across_zero"])
    def test_pullback_keeps_its_key(self, bounds: str) -> None:
        """A pullback applies the slopes of its own call at every use, even after the generator has advanced."""
        rng, array = np.random.default_rng(5), self.filled((200,))
        calls = [self.api.rrelu_vjp(array, *BOUNDS[bounds], training=True, rng=rng) for _ in range(3)]
        ones = self.filled((200,), 1.0)
        for turn in range(2):
            for call, (y, pullback) in enumerate(calls):
                assert_equal_bits(self.host(pullback(ones)), -self.host(y), call=call, turn=turn)

    @pytest.mark.parametrize("bounds", ["positive", "across_zero"])
    def test_pullback_keeps_the_key_of_no_rng(self, bounds: str) -> None:
        """A pullback applies the slopes of its own call, also for a call without rng."""
        self.need("default_rng")
        y, pullback = self.api.rrelu_vjp(self.filled((200,)), *BOUNDS[bounds], training=True)
        assert_equal_bits(self.host(pullback(self.filled((200,), 1.0))), -self.host(y))

    @pytest.mark.parametrize("bounds", ["positive", "across_zero", "negative"])
    @pytest.mark.parametrize("how", ["inplace", "out_is_x", "out_is_a_view_of_x"])
    def test_factor_after_inplace(self, how: str, bounds: str) -> None:
        """After x is overwritten, the pullback still knows where it was zero or less."""
        self.need("writing", *["aliasing"] * (how == "out_is_a_view_of_x"))
        x = data((400,), "float32", seed=6)
        array = self.array(x, "float32")
        target = array[:] if how == "out_is_a_view_of_x" else array
        where = {"inplace": True} if how == "inplace" else {"out": target}
        y, pullback = self.api.rrelu_vjp(array, *BOUNDS[bounds], training=True, rng=55, **where)
        self.check_is(y, target, "what was written to")
        factor = factor_of(x, Slopes(*BOUNDS[bounds], 55), "float32")
        self.check(pullback(self.filled((400,), 1.0)), factor, "float32", inputs={"x": x}, bounds=bounds)

    def test_pullback_out(self) -> None:
        """A pullback writes to `out`, which may be the cotangent."""
        self.need("writing")
        x, g = data((400,), "float32", seed=7), data((400,), "float32", seed=8)
        expected = reference.scaled(g, x, Slopes(LOWER, UPPER, 56), "float32")
        _, pullback = self.api.rrelu_vjp(self.array(x, "float32"), training=True, rng=56)
        cotangent, out = self.array(g, "float32"), self.filled((400,))
        self.check_is(pullback(cotangent, out=out), out, "out")
        self.check(out, expected, "float32", inputs={"x": x, "g": g})
        assert_equal_bits(self.host(cotangent), g, what="the cotangent, which is only read")
        self.check_is(pullback(cotangent, out=cotangent), cotangent, "out")
        self.check(cotangent, expected, "float32", inputs={"x": x, "g": g})

    def test_factor_with_shared_axes(self) -> None:
        """The backward pass shares slopes along the same axes."""
        x = data((7, 11, 5), "float32", seed=9)
        x[np.isneginf(x)] = -2.0
        slopes = Slopes(LOWER, UPPER, 57, strides=(11, 1, 0))
        _, pullback = self.api.rrelu_vjp(self.array(x, "float32"), training=True, rng=57, shared_axes=2)
        self.check(pullback(self.filled(x.shape, 1.0)), factor_of(x, slopes, "float32"), "float32", inputs={"x": x})

    def test_linear(self) -> None:
        """The pullback is linear, and exactly linear for integers in float64."""
        x, a, b = data((500,), "float64", seed=10), weights(500), weights(1000)[500:]
        _, pullback = self.api.rrelu_vjp(self.array(x, "float64"), training=True, rng=58)
        parts = [self.host(pullback(self.array(part, "float64"))) for part in (a, b)]
        whole = self.host(pullback(self.array(3 * a - 5 * b, "float64")))
        # Adding a zero gives zeros the same sign on both sides.
        assert_equal_bits(whole + 0.0, 3 * parts[0] - 5 * parts[1] + 0.0, inputs={"x": x, "a": a, "b": b})

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("bounds", BOUNDS)
    def test_finite_differences(self, bounds: str, mode: str) -> None:
        """With a fixed key, the difference quotient is the derivative, away from zero."""
        x, step = data((500,), "float64", seed=11), 2.0**-20
        x[np.isinf(x) | (x == 0)] = -1.0
        options = {"training": MODES[mode], "rng": 59}
        up, down = (self.host(self.api.rrelu(self.array(x + h, "float64"), *BOUNDS[bounds], **options)) for h in (step, -step))
        _, pullback = self.api.rrelu_vjp(self.array(x, "float64"), *BOUNDS[bounds], **options)
        np.testing.assert_allclose((up - down) / (2 * step), self.host(pullback(self.filled((500,), 1.0, "float64"))), rtol=0, atol=1e-8)

    @pytest.mark.parametrize("bounds", BOUNDS)
    def test_scale_is_the_tangent_map(self, bounds: str) -> None:
        """`scale` of a tangent by the same slopes is the Jacobian-vector product, as the difference quotient shows."""
        x, t, step = data((500,), "float64", seed=12), weights(500), 2.0**-20
        x[np.isinf(x) | (x == 0)] = -1.0
        slopes = applied(BOUNDS[bounds], True, 60)
        up, down = (self.host(self.api.scale(*[self.array(x + h * t, "float64")] * 2, slopes)) for h in (step, -step))
        tangent = self.host(self.api.scale(self.array(t, "float64"), self.array(x, "float64"), slopes))
        np.testing.assert_allclose((up - down) / (2 * step), tangent, rtol=0, atol=1e-7)
