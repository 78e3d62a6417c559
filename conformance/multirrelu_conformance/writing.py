"""Tests of written results: out=, inplace=True, and the memory that must stay unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from multirrelu import Slopes
from multirrelu.dtypes import DTYPES

from . import reference
from .bits import assert_equal_bits
from .layouts import BASE_SHAPE, LAYOUTS, NEGATIVE, WRITEABLE, data
from .library import Library

LOWER, UPPER = 1 / 8, 1 / 3
SLOPES = Slopes(LOWER, UPPER, 31)


class Writing(Library):
    """The memory that calls write to, and the memory that they leave."""

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    def test_input_is_unchanged(self, training: bool, dtype: str) -> None:
        """Without out= and inplace=, the input keeps every bit."""
        x = data((300,), dtype, seed=1)
        array = self.array(x, dtype)
        self.api.rrelu(array, training=training, rng=31)
        assert_equal_bits(self.host(array), x, dtype=dtype)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("layout", WRITEABLE)
    def test_out(self, layout: str, dtype: str) -> None:
        """The result is written to `out` of any layout, which is returned, and memory between its elements stays unchanged."""
        self.need("writing", "aliasing", *["negative_strides"] * (layout in NEGATIVE))
        view, base, target = LAYOUTS[layout], data(BASE_SHAPE, dtype, seed=2), data(BASE_SHAPE, dtype, seed=3)
        x, expected_around = view(np, base), target.copy()
        around = self.array(target, dtype)
        out = view(self.xp, around)
        y = self.api.rrelu(self.array(x, dtype), training=True, rng=31, out=out)
        self.check_is(y, out, "out")
        expected = reference.rrelu(x, SLOPES, dtype)
        self.check(y, expected, dtype, inputs={"x": x}, layout=layout)
        view(np, expected_around)[...] = expected
        assert_equal_bits(self.host(around), expected_around, what="the array of which out is a view", layout=layout)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("layout", WRITEABLE)
    def test_inplace(self, layout: str, dtype: str) -> None:
        """With inplace=True, the array itself is changed and returned."""
        self.need("writing", "aliasing", *["negative_strides"] * (layout in NEGATIVE))
        view, base = LAYOUTS[layout], data(BASE_SHAPE, dtype, seed=4)
        x = view(np, base).copy()
        around = self.array(base, dtype)
        array = view(self.xp, around)
        y = self.api.rrelu(array, training=True, rng=31, inplace=True)
        self.check_is(y, array, "x")
        expected = reference.rrelu(x, SLOPES, dtype)
        self.check(y, expected, dtype, inputs={"x": x}, layout=layout)
        view(np, base)[...] = expected
        assert_equal_bits(self.host(around), base, what="the array of which x is a view", layout=layout)

    @pytest.mark.parametrize("size", [1, 65, 4099, 300_000])
    def test_out_overlaps_wholly(self, size: int) -> None:
        """`out` may be another view of the same elements."""
        self.need("writing", "aliasing")
        x = data((size,), "float32", seed=5)
        array = self.array(x, "float32")
        y = self.api.rrelu(array[:], training=True, rng=31, out=array[:])
        expected = reference.rrelu(x, SLOPES, "float32")
        self.check(y, expected, "float32", inputs={"x": x})
        assert_equal_bits(self.host(array), expected, what="the array under both views")

    @pytest.mark.parametrize("size", [1, 65, 4099, 300_000])
    @pytest.mark.parametrize("target", ["values", "gate"])
    def test_out_is_an_input(self, target: str, size: int) -> None:
        """`out` may be the values or the gate, because both are read before they are overwritten."""
        self.need("writing")
        values, gate = data((size,), "float32", seed=6), data((size,), "float32", seed=7)
        arrays = {"values": self.array(values, "float32"), "gate": self.array(gate, "float32")}
        y = self.api.scale(arrays["values"], arrays["gate"], SLOPES, out=arrays[target])
        self.check_is(y, arrays[target], "out")
        self.check(y, reference.scaled(values, gate, SLOPES, "float32"), "float32", inputs={"values": values, "gate": gate})
        other = "gate" if target == "values" else "values"
        assert_equal_bits(self.host(arrays[other]), {"values": values, "gate": gate}[other], what=f"the {other}, which are only read")

    def test_out_of_interleaved_memory(self) -> None:
        """`out` may be interleaved with the input: both share a span of memory, but no element."""
        self.need("writing", "aliasing")
        both = data((400,), "float32", seed=8)
        array = self.array(both, "float32")
        self.api.rrelu(array[::2], training=True, rng=31, out=array[1::2])
        expected = both.copy()
        expected[1::2] = reference.rrelu(both[::2], SLOPES, "float32")
        assert_equal_bits(self.host(array), expected)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_out_in_evaluation(self, dtype: str) -> None:
        """Evaluation writes to `out` too."""
        self.need("writing")
        x = data((131,), dtype, seed=9)
        array, out = self.array(x, dtype), self.array(np.zeros(131), dtype)
        self.check_is(self.api.rrelu(array, 0.1, 0.4, out=out), out, "out")
        self.check(out, reference.rrelu(x, 0.25, dtype), dtype, inputs={"x": x})
        self.check_is(self.api.rrelu(array, 0.1, 0.4, inplace=True), array, "x")
        self.check(array, reference.rrelu(x, 0.25, dtype), dtype, inputs={"x": x})

    def test_read_only_input(self) -> None:
        """A read-only array is accepted as input."""
        self.need("read_only")
        x = data((131,), "float32", seed=10)
        array = self.read_only(self.array(x, "float32"))
        y = self.api.rrelu(array, training=True, rng=31)
        self.check(y, reference.rrelu(x, SLOPES, "float32"), "float32", inputs={"x": x})
        y, pullback = self.api.rrelu_vjp(array, training=True, rng=31)
        self.check(pullback(array), reference.scaled(x, x, SLOPES, "float32"), "float32", inputs={"x": x})
