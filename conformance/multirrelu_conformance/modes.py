"""Tests of the modes: evaluation, training, and special values such as zeros, infinities and NaN."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from multirrelu import Slopes
from multirrelu.dtypes import DTYPES

from . import reference
from .bits import assert_equal_bits, host_dtype, to_bfloat16, to_host
from .draws import Draws
from .layouts import data
from .library import Library

LOWER, UPPER = 1 / 8, 1 / 3
BOUNDS = ((LOWER, UPPER), (-0.5, 0.25), (-0.9, -0.1), (3.0, 8.0), (0.2, 0.2))
EMPTY = ((0,), (0, 3), (3, 0), (2, 0, 5))
ROUNDED_ONCE = ((0.1, 0.3000001), (0.7, 0.90000001), (1 / 3, 1 / 3), (-0.1, 0.7))
NEARLY_EQUAL = ((0.25, 0.25), (0.1, 0.1), (0.3, 0.30000001), (0.0, 0.0), (-0.2, -0.2), (3e38, 3e38), (0.0, -0.0), (1.00000001, 1.00000002))


class Modes(Draws, Library):
    """Evaluation and training, and special values in both."""

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("bounds", BOUNDS, ids=str)
    def test_evaluation(self, bounds: tuple[float, float], dtype: str) -> None:
        """Evaluation is the default mode, and multiplies by the middle of the bounds for any rng."""
        x = data((600,), dtype, seed=1)
        expected = reference.rrelu(x, 0.5 * bounds[0] + 0.5 * bounds[1], dtype)
        for options in ({}, {"training": False, "rng": 3}):
            y = self.api.rrelu(self.array(x, dtype), *bounds, **options)
            self.check(y, expected, dtype, inputs={"x": x}, bounds=bounds, options=options)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("bounds", ROUNDED_ONCE, ids=str)
    def test_evaluation_constant_is_rounded_once(self, bounds: tuple[float, float], dtype: str) -> None:
        """The constant is computed in double and cast once, rather than computed in float32."""
        constant = 0.5 * bounds[0] + 0.5 * bounds[1]
        y = self.api.rrelu(self.filled((3,), dtype=dtype), *bounds)
        self.check(y, np.full(3, -constant, dtype=dtype), dtype, bounds=bounds, constant=constant)

    def test_default_bounds(self) -> None:
        """The default bounds are 1/8 and 1/3."""
        array = self.filled((100,))
        for options in ({}, {"training": True, "rng": 5}):
            assert_equal_bits(self.host(self.api.rrelu(array, **options)), self.host(self.api.rrelu(array, 1 / 8, 1 / 3, **options)))

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("bounds", NEARLY_EQUAL, ids=str)
    def test_equal_bounds(self, bounds: tuple[float, float], dtype: str) -> None:
        """Bounds with fewer than two lattice points between them give a constant slope, also in training."""
        x = to_host([-1.0, 1.0, -0.75, 0.0, -0.0, 0.5, np.nan], dtype)
        constant = 0.5 * bounds[0] + 0.5 * bounds[1]
        expected = reference.rrelu(x, constant, dtype)
        for training in (True, False):
            with np.errstate(over="ignore"):  # NumPy may warn that 3e38 overflows in float16
                y = self.api.rrelu(self.array(x, dtype), *sorted(bounds), training=training, rng=6)
            self.check(y, expected, dtype, inputs={"x": x}, bounds=bounds, training=training)

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_positive_values_keep_their_bits(self, dtype: str, training: bool) -> None:
        """Positive numbers keep their bits; half precisions are tested with all normal numbers."""
        if dtype == "float16":
            x = np.arange(0x0400, 0x7C01, dtype=np.uint16).view(np.float16)
        elif dtype == "bfloat16":
            x = (np.arange(0x0080, 0x7F81, dtype=np.uint32) << 16).view(np.float32)
        else:
            info = np.finfo(dtype)
            x = np.exp2(np.linspace(info.minexp, info.maxexp, 5000, endpoint=False)).astype(dtype)
            x = np.append(x, np.asarray([info.tiny, info.max, np.inf], dtype=dtype))
        y = self.api.rrelu(self.array(x, dtype), -0.7, 0.9, training=training, rng=7)
        self.check(y, x, dtype, training=training)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_negative_values_are_rounded_once(self, dtype: str) -> None:
        """Half precisions multiply in float32 and round once, for all negative normal numbers."""
        if dtype == "float16":
            x = np.arange(0xA000, 0xFC00, dtype=np.uint16).view(np.float16)
        elif dtype == "bfloat16":
            x = (np.arange(0x8400, 0xFF80, dtype=np.uint32) << 16).view(np.float32)
        else:
            x = -np.geomspace(1e-30, 1e30, 50_000, dtype=dtype)
        slope = reference.drawn(x.shape, Slopes(LOWER, UPPER, 8))
        wide = x.astype(np.float64) * slope if dtype == "float64" else x.astype(np.float32) * slope.astype(np.float32)
        expected = to_bfloat16(wide) if dtype == "bfloat16" else wide.astype(host_dtype(dtype))
        y = self.api.rrelu(self.array(x, dtype), training=True, rng=8)
        self.check(y, expected, dtype, inputs={"x": x, "slope": slope}, key=8)

    @pytest.mark.parametrize("bounds", [*BOUNDS, (-0.5, -0.5)], ids=str)
    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_zeros(self, dtype: str, training: bool, bounds: tuple[float, float]) -> None:
        """A zero of either sign is multiplied by its slope, and stays a zero with the sign of the product."""
        x = to_host([0.0, -0.0] * 40, dtype)
        y = self.api.rrelu(self.array(x, dtype), *bounds, training=training, rng=9)
        applied = Slopes(*bounds, 9) if training and bounds[0] < bounds[1] else 0.5 * bounds[0] + 0.5 * bounds[1]
        slope = reference.drawn(x.shape, applied) if isinstance(applied, Slopes) else applied
        self.check(y, to_host(x.astype(np.float64) * slope, dtype), dtype, inputs={"x": x, "slope": np.asarray(slope)}, bounds=bounds)

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_infinities(self, dtype: str, training: bool) -> None:
        """An infinity is multiplied like any number: negative slopes turn minus infinity into infinity."""
        x = to_host([np.inf, -np.inf] * 40, dtype)
        for bounds, sign in ((LOWER, UPPER), -1), ((-0.9, -0.1), 1):
            y = self.api.rrelu(self.array(x, dtype), *bounds, training=training, rng=10)
            self.check(y, to_host([np.inf, sign * np.inf] * 40, dtype), dtype, inputs={"x": x}, bounds=bounds)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_minus_infinity_by_zero(self, dtype: str) -> None:
        """Minus infinity times a slope of zero is NaN, as in IEEE 754."""
        with np.errstate(invalid="ignore"):
            y = self.api.rrelu(self.array([-np.inf, np.inf, -1.0], dtype), 0.0, 0.0)
        self.check(y, to_host([np.nan, np.inf, -0.0], dtype), dtype)

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_nan_passes(self, dtype: str, training: bool) -> None:
        """NaN of either sign stays NaN, and does not change its neighbours."""
        x = to_host([np.nan, 1.0, -1.0, -np.nan, 0.5, -0.5] * 30, dtype)
        y = self.api.rrelu(self.array(x, dtype), training=training, rng=11)
        expected = reference.rrelu(x, Slopes(LOWER, UPPER, 11) if training else 0.5 * LOWER + 0.5 * UPPER, dtype)
        assert np.isnan(self.host(y))[::3].all(), "NaN must pass through"
        self.check(y, expected, dtype, inputs={"x": x})

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("shape", EMPTY, ids=str)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_empty(self, dtype: str, shape: tuple[int, ...], training: bool) -> None:
        """An empty array gives an empty array of its shape and dtype, and so do its pullback and its slopes."""
        x = to_host(np.zeros(shape), dtype)
        array = self.array(x, dtype)
        self.check(self.api.rrelu(array, training=training, rng=12), x, dtype)
        y, pullback = self.api.rrelu_vjp(array, training=training, rng=12, shared_axes=-1)
        self.check(y, x, dtype)
        self.check(pullback(array), x, dtype)
        assert tuple(self.api.draw_slopes(array, rng=12).shape) == shape

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("value", [-0.75, 0.75, 0.0, -np.inf, np.nan], ids=str)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_zero_d(self, dtype: str, value: float, training: bool) -> None:
        """The element of a 0-d array has the index 0."""
        self.need("scalars")
        x = to_host(value, dtype)
        y = self.api.rrelu(self.array(x, dtype), training=training, rng=13)
        slopes = Slopes(LOWER, UPPER, 13) if training else 0.5 * LOWER + 0.5 * UPPER
        self.check(y, reference.rrelu(x, slopes, dtype), dtype, inputs={"x": x})

    @pytest.mark.parametrize("bounds", [(LOWER, UPPER), (-1.0, 1.0), (0.2, 0.2000007), (-1e30, 1e20), (0.1, 0.1)], ids=str)
    def test_slopes_lie_within_bounds(self, bounds: tuple[float, float]) -> None:
        """No slope is outside of the bounds, and both ends of narrow bounds occur."""
        slopes = self.host(self.api.draw_slopes(self.filled((100_000,), dtype="float64"), *bounds, rng=14))
        least, greatest = slopes.min(), slopes.max()
        assert bounds[0] <= least <= greatest <= bounds[1], f"slopes from {least!r} to {greatest!r}, {bounds=}"
        if bounds == (0.2, 0.2000007):
            unit = 2.0**-26
            ends = np.ceil(bounds[0] / unit) * unit, np.floor(bounds[1] / unit) * unit
            assert (least, greatest) == ends, "both ends of the lattice belong to it"

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_slopes_are_the_same_numbers_in_every_dtype(self, dtype: str) -> None:
        """The dtype of the array rounds the result, but never the slope."""
        slopes = self.api.draw_slopes(self.filled((1000,), dtype=dtype), rng=15)
        wide = "float64" if dtype == "float64" else "float32"
        self.check(slopes, reference.drawn((1000,), Slopes(LOWER, UPPER, 15)).astype(wide), wide, like=dtype)

    def test_sign_of_the_data_does_not_move_slopes(self) -> None:
        """The slope of an element does not depend on the signs of other elements."""
        whole = self.host(self.api.rrelu(self.filled((64,)), training=True, rng=16))
        for start, step in itertools.product(range(3), (2, 3, 5)):
            x = np.ones(64, dtype=np.float32)
            x[start::step] = -1
            y = self.host(self.api.rrelu(self.array(x, "float32"), training=True, rng=16))
            assert_equal_bits(y, np.where(x > 0, x, whole), inputs={"x": x}, key=16)
