"""Tests of `scale_at`: elements with any indices have the slopes that `scale` draws at these positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from multirrelu import Slopes
from multirrelu.dtypes import DTYPES

from . import reference
from .bits import Host, to_host
from .layouts import data, ordinary, part_of
from .library import Library

LOWER, UPPER = 1 / 8, 1 / 3
FAR = (2**31, 2**32, 2**33, 2**34, 2**62, 2**63, 2**64)
SIZES = (1, 2, 3, 4, 5, 63, 64, 65, 1000, 70_000)
BOUNDS: dict[str, Slopes | float] = {
    "negative": Slopes(-0.9, -0.1, 76),
    "lopsided": Slopes(-1e30, 1e20, 76),
    "equal": Slopes(0.1, 0.1, 76),
    "constant": 0.3,
    "constant_negative": -2.0,
}
OFFSETS = (1, 3, 2**32 - 2, 2**34 - 1, 2**63, 2**64 - 1)


def chosen(size: int, seed: int, around: int = 0, reach: int = 0) -> Host:
    """Return indices around a given one, modulo 2**64, in random order and with repetitions."""
    reach = reach or 2 * size
    steps = np.random.default_rng(seed).integers(-reach, reach, size)
    return np.asarray([(around + step + 2**63) % 2**64 - 2**63 for step in steps.tolist()], dtype=np.int64)


class Indices(Library):
    """`scale_at` for elements from anywhere in an array."""

    def _scaled(self, values: Host, gate: Host, index: Host, slopes: Slopes | float, dtype: str = "float32") -> None:
        """Fail unless `scale_at` returns the result of the reference."""
        arrays = self.array(values, dtype), self.array(gate, dtype), self.from_numpy(index)
        y = self.api.scale_at(*arrays, slopes)
        inputs = {"values": values, "gate": gate, "index": index}
        self.check(y, reference.scaled_at(values, gate, index, slopes, dtype), dtype, inputs=inputs, slopes=slopes)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_scale_at_each_place_is_scale(self, dtype: str) -> None:
        """With the index of each position, the result is that of `scale`, also for several axes."""
        self.need("scale_at")
        slopes, shape = Slopes(LOWER, UPPER, 71, offset=3), (5, 6, 11)
        values, gate = (self.array(data(shape, dtype, seed), dtype) for seed in (1, 2))
        y = self.api.scale_at(values, gate, self.from_numpy(np.arange(330, dtype=np.int64).reshape(shape)), slopes)
        self.check(y, self.host(self.api.scale(values, gate, slopes)), dtype, key=71)

    def test_scale_at_one_place_is_scale(self) -> None:
        """The slope of an index is that of an array of one element with the index as its offset."""
        self.need("scale_at")
        index, one = chosen(25, seed=3, around=2**33), self.filled((1,))
        y = self.host(self.api.scale_at(self.filled((25,)), self.filled((25,)), self.from_numpy(index), Slopes(LOWER, UPPER, 72)))
        alone = [self.host(self.api.scale(one, one, Slopes(LOWER, UPPER, 72, offset=int(at))))[0] for at in index]
        self.check(self.array(y, "float32"), np.asarray(alone), "float32", inputs={"index": index}, key=72)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("size", SIZES)
    def test_scale_at_sizes(self, size: int, dtype: str) -> None:
        """Indices may come in any number and order, and repeatedly."""
        self.need("scale_at")
        x = data((size,), dtype, seed=size)
        self._scaled(x, x, chosen(size, seed=size), Slopes(LOWER, UPPER, 73), dtype)

    @pytest.mark.parametrize("far", FAR)
    def test_scale_at_far_indices(self, far: int) -> None:
        """An index has 64 bits: a negative int64 is an index of the upper half."""
        self.need("scale_at")
        x = ordinary((300,), "float32", seed=4)
        self._scaled(x, x, chosen(300, seed=5, around=far, reach=70), Slopes(LOWER, UPPER, 74))
        self._scaled(x, x, chosen(300, seed=6, around=far, reach=2**30), Slopes(LOWER, UPPER, 74))

    @pytest.mark.parametrize("offset", OFFSETS)
    def test_scale_at_offset(self, offset: int) -> None:
        """The offset is added to each index, and the sum wraps from 2**64 to 0."""
        self.need("scale_at")
        x = ordinary((150,), "float32", seed=7)
        for around in (0, 2**62, 2**63, 2**64 - offset):
            self._scaled(x, x, chosen(150, seed=8, around=around), Slopes(LOWER, UPPER, 75, offset))
        # NumPy warns when a 0-d integer wraps around.
        self._scaled(x[0], x[0], np.asarray(2**63 - 1, dtype=np.int64), Slopes(LOWER, UPPER, 75, offset))

    @pytest.mark.parametrize("key", [0, 2**32, 2**63, 2**64 - 1, 0x123456789ABCDEF0])
    def test_scale_at_keys(self, key: int) -> None:
        """All bits of the key count, in an integer and in a 0-d array."""
        self.need("scale_at")
        x = ordinary((100,), "float32", seed=9)
        self._scaled(x, x, chosen(100, seed=9), Slopes(LOWER, UPPER, key))
        if self.has("integers"):
            array, index = self.array(x, "float32"), chosen(100, seed=9)
            y = self.api.scale_at(array, array, self.from_numpy(index), Slopes(LOWER, UPPER, self.key_array(key)))
            self.check(y, reference.scaled_at(x, x, index, Slopes(LOWER, UPPER, key), "float32"), "float32", key=key)

    @pytest.mark.parametrize("name", BOUNDS)
    def test_scale_at_bounds(self, name: str) -> None:
        """Bounds of either sign, wide bounds, equal bounds and a constant slope are right."""
        self.need("scale_at")
        x = ordinary((200,), "float32", seed=10)
        self._scaled(x, x, chosen(200, seed=10), BOUNDS[name])

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_scale_at_gate_apart(self, dtype: str) -> None:
        """The gate decides, not the values: a zero of either sign is scaled, NaN is not."""
        self.need("scale_at")
        gate, values = (grid.ravel() for grid in np.meshgrid([1.0, -1.0, 0.0, -0.0, np.nan, -np.inf], [3.0, -3.0, 0.0, np.inf, np.nan]))
        index = chosen(gate.size, seed=11)
        for slopes in (Slopes(LOWER, UPPER, 77), Slopes(-0.9, -0.1, 77)):
            self._scaled(to_host(values, dtype), to_host(gate, dtype), index, slopes, dtype)

    @pytest.mark.parametrize("case", ["values", "gate", "index"])
    def test_scale_at_views(self, case: str) -> None:
        """Values, gate and indices may have different layouts in memory."""
        self.need("scale_at", "views")
        shape, slopes = (12, 15), Slopes(LOWER, UPPER, 78)
        hosts: dict[str, Any] = {
            "values": data(shape, "float32", 12),
            "gate": data(shape, "float32", 13),
            "index": chosen(180, 14).reshape(shape),
        }
        take = part_of((slice(None), slice(1, None, 3)))
        arrays = {name: self.from_numpy(take(np, host)) for name, host in hosts.items()}
        arrays[case] = take(self.xp, self.from_numpy(hosts[case]))
        values, gate, index = (take(np, host) for host in hosts.values())
        expected = reference.scaled_at(values, gate, index, slopes, "float32")
        self.check(self.api.scale_at(*arrays.values(), slopes), expected, "float32", strided=case)

    @pytest.mark.parametrize("shape", [(0,), (3, 0), ()], ids=str)
    def test_scale_at_empty_and_zero_d(self, shape: tuple[int, ...]) -> None:
        """Empty and 0-d arrays are right."""
        self.need("scale_at")
        x = -np.ones(shape, dtype=np.float32)
        self._scaled(x, x, np.full(shape, 12345678901, dtype=np.int64), Slopes(LOWER, UPPER, 79))

    def test_scale_at_leaves_its_arguments(self) -> None:
        """No argument is written to."""
        self.need("scale_at")
        x, index = data((300,), "float32", seed=15), chosen(300, seed=15)
        array, at = self.array(x, "float32"), self.from_numpy(index)
        self.api.scale_at(array, array, at, Slopes(LOWER, UPPER, 80, offset=5))
        self.check(array, x, "float32")
        assert np.array_equal(self.to_numpy(at), index), "the index was written to"
