"""Tests of agreement with the reference, bit for bit: dtypes, layouts, sizes, bounds, keys, and values with another gate."""

from __future__ import annotations

import numpy as np
import pytest

from multirrelu import Slopes
from multirrelu.dtypes import DTYPES

from . import reference
from .answers import KnownAnswers
from .bits import to_host
from .indices import Indices
from .layouts import BASE_SHAPE, LAYOUTS, NEGATIVE, View, data, ordinary, part_of
from .positions import Positions
from .writing import Writing

LOWER, UPPER = 1 / 8, 1 / 3
TILES = (255, 256, 257, 511, 1023, 1024, 1025, 4095, 4097, 8191, 16385, 65535, 65537)
LARGE = (*((dtype, 2**18 + 1) for dtype in DTYPES), ("float16", 2**19 - 3), ("float32", 2**20 + 7))
BOUNDS = {
    "defaults": (LOWER, UPPER),
    "across_zero": (-0.25, 0.75),
    "symmetric": (-0.3, 0.3),
    "negative": (-0.75, -0.5),
    "from_zero": (0.0, 1e-3),
    "from_minus_zero": (-0.0, 0.5),
    "to_zero": (-0.3, 0.0),
    "above_one": (3.0, 8.0),
    "two_points": (1.0, 1 + 2**-23),
    "three_points": (0.5, 0.5 + 2**-23),
    "few_points": (0.2, 0.2000007),
    "power_of_two": (0.25, 0.5),
    "past_a_power_of_two": (0.25, 0.5 + 2**-24),
    "widest": (-1.0, 1.0),
    "huge": (-3e38, 3e38),
    "huge_positive": (1e30, 3e38),
    "tiny": (1e-30, 2e-30),
    "least_exponent": (2.0**-102, 2.0**-101),
    "lopsided": (-1e30, 1e20),
    "integers": (1, 2),
}
KEYS = (0, 1, 42, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 2**64 - 2**32, 2**64 - 1, 0x123456789ABCDEF0)
GATES = (1.0, -1.0, 0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 2.0**-14, -(2.0**-14))
TWO_LAYOUTS: dict[str, View] = {
    "c_order": lambda xp, a: xp.reshape(xp.reshape(a, (-1,))[:825], (33, 25)),
    "fortran_order": lambda xp, a: xp.permute_dims(xp.reshape(xp.reshape(a, (-1,))[:825], (25, 33)), (1, 0)),
    "box": lambda xp, a: a[7:40, 9:34],
    "every_other": lambda xp, a: a[::2, 1::2],
    "broadcast": lambda xp, a: xp.broadcast_to(a[3:4, :25], (33, 25)),
}
LARGE_VIEWS: dict[str, View] = {
    "transposed": lambda xp, a: xp.permute_dims(a, (1, 0)),
    "rows_cut": lambda xp, a: a[::2, :],
    "columns_cut": lambda xp, a: a[:, 5:-9],
}
VALUES = (*GATES[:8], 3.0, -3.0, 1.1, -1.1)


class Agreement(KnownAnswers, Positions, Indices, Writing):
    """Agreement with the known answers and with the reference, bit for bit."""

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_dtypes_and_layouts(self, dtype: str, layout: str) -> None:
        """The index of an element is its position in the logical array, for any layout in memory."""
        self.need(*["negative_strides"] * (layout in NEGATIVE), *["scalars"] * (layout == "zero_d"))
        view, base = LAYOUTS[layout], data(BASE_SHAPE, dtype, seed=1)
        x = view(np, base)
        y = self.api.rrelu(self.view(view, base, dtype), training=True, rng=42)
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, 42), dtype), dtype, inputs={"x": x}, layout=layout, key=42)

    @pytest.mark.parametrize("gate_layout", TWO_LAYOUTS)
    @pytest.mark.parametrize("values_layout", TWO_LAYOUTS)
    def test_values_and_gate_of_two_layouts(self, values_layout: str, gate_layout: str) -> None:
        """Values and gate may have different layouts in memory."""
        slopes, shape, views = Slopes(LOWER, UPPER, 7), (33, 25), (TWO_LAYOUTS[values_layout], TWO_LAYOUTS[gate_layout])
        bases = [data((66, 50), "float32", seed) for seed in (1, 2)]
        values, gate = (view(np, base) for view, base in zip(views, bases, strict=True))
        assert values.shape == gate.shape == shape
        arrays = [self.view(view, base, "float32") for view, base in zip(views, bases, strict=True)]
        y = self.api.scale(arrays[0], arrays[1], slopes)
        inputs = {"values": values, "gate": gate}
        self.check(y, reference.scaled(values, gate, slopes, "float32"), "float32", inputs=inputs, layouts=(values_layout, gate_layout))

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_sizes(self, dtype: str) -> None:
        """Every size up to 130 is right, including an odd tail and an unaligned start."""
        base = data((max(self.sizes) + 3,), dtype, seed=2)
        for size in self.sizes:
            start = size % 4
            x = base[start : start + size]
            part = self.view(part_of(slice(start, start + size)), base, dtype)
            y = self.api.rrelu(part, training=True, rng=3)
            self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, 3), dtype), dtype, inputs={"x": x}, size=size, start=start)

    @pytest.mark.parametrize("size", TILES)
    def test_tile_boundaries(self, size: int) -> None:
        """Sizes around those at which kernels change their method are right."""
        x = data((size,), "float32", seed=size)
        y = self.api.rrelu(self.array(x, "float32"), training=True, rng=size)
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, size), "float32"), "float32", inputs={"x": x}, size=size)

    @pytest.mark.parametrize("shape", [(17, 63), (17, 64), (17, 65), (3, 5, 129), (257, 2), (129, 1), (1, 130), (2, 3, 4, 5, 6)])
    def test_rows_shorter_and_longer_than_a_tile(self, shape: tuple[int, ...]) -> None:
        """Rows need not start at a block of words; a slice of columns makes each row a separate piece of memory."""
        base = data((*shape[:-1], shape[-1] + 3), "float32", seed=4)
        x = base[..., 1:-2]
        y = self.api.rrelu(self.view(part_of((..., slice(1, -2))), base, "float32"), training=True, rng=4)
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, 4), "float32"), "float32", inputs={"x": x}, shape=shape)

    @pytest.mark.parametrize(("dtype", "size"), LARGE)
    def test_large(self, dtype: str, size: int) -> None:
        """An array that is large enough for several threads is right."""
        x = data((size,), dtype, seed=5)
        y = self.api.rrelu(self.array(x, dtype), training=True, rng=5)
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, 5), dtype), dtype, inputs={"x": x}, key=5)

    @pytest.mark.parametrize("layout", LARGE_VIEWS)
    def test_large_and_strided(self, layout: str) -> None:
        """A large matrix that is not contiguous is right."""
        base, view = data((619, 1201), "float32", seed=6), LARGE_VIEWS[layout]
        x = view(np, base)
        y = self.api.rrelu(self.view(view, base, "float32"), training=True, rng=6)
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, 6), "float32"), "float32", inputs={"x": x}, layout=layout)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("name", BOUNDS)
    def test_many_bounds(self, name: str, dtype: str) -> None:
        """Bounds of every sign and size are right, with lattices from two points to 2**25 + 1."""
        lower, upper = BOUNDS[name]
        x = ordinary((1031,), dtype, seed=7) * (1 if abs(upper) > 1e30 else 2)
        y = self.api.rrelu(self.array(x, dtype), lower, upper, training=True, rng=7)
        self.check(y, reference.rrelu(x, Slopes(lower, upper, 7), dtype), dtype, inputs={"x": x}, bounds=(lower, upper), key=7)

    @pytest.mark.parametrize("key", KEYS)
    def test_many_keys(self, key: int) -> None:
        """All bits of both words of the key count."""
        x = ordinary((515,), "float32", seed=8)
        y = self.api.rrelu(self.array(x, "float32"), training=True, rng=key)
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, key), "float32"), "float32", inputs={"x": x}, key=key)

    @pytest.mark.parametrize("dtype", ["int64", "uint64"])
    @pytest.mark.parametrize("key", KEYS)
    def test_many_array_keys(self, key: int, dtype: str) -> None:
        """A key in a 0-d array, which stays on its device, equals the integer with the same 64 bits."""
        self.need("uint64_keys" if dtype == "uint64" else "integers")
        x = ordinary((131,), "float32", seed=9)
        array = self.array(x, "float32")
        y = self.api.scale(array, array, Slopes(LOWER, UPPER, self.key_array(key, dtype)))
        self.check(y, reference.rrelu(x, Slopes(LOWER, UPPER, key), "float32"), "float32", inputs={"x": x}, key=key)

    @pytest.mark.parametrize("slopes", [Slopes(LOWER, UPPER, 10), Slopes(-0.9, -0.1, 10), 0.3, -2.0], ids=["drawn", "negative", "+", "-"])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_values_and_gate_apart(self, dtype: str, slopes: Slopes | float) -> None:
        """Any value is scaled where its gate is zero or less, and kept where the gate is positive or NaN."""
        gate, values = (grid.ravel() for grid in np.meshgrid(np.asarray(GATES), np.asarray(VALUES)))
        values, gate = to_host(values, dtype), to_host(gate, dtype)
        y = self.api.scale(self.array(values, dtype), self.array(gate, dtype), slopes)
        self.check(y, reference.scaled(values, gate, slopes, dtype), dtype, inputs={"values": values, "gate": gate}, slopes=slopes)
