"""Tests of rng: an integer is stateless, a generator advances, and a call takes one key for any data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .bits import assert_equal_bits
from .library import Library

QUIET_CALLS: dict[str, tuple[Any, tuple[float, float]]] = {
    "negative": (-np.ones(5), (0.1, 0.3)),
    "positive": (np.ones(5), (0.1, 0.3)),
    "empty": (np.ones(0), (0.1, 0.3)),
    "nan": (np.full(5, np.nan), (0.1, 0.3)),
    "zero_d": (np.asarray(-1.0), (0.1, 0.3)),
    "equal_bounds": (-np.ones(5), (0.2, 0.2)),
    "large": (-np.ones(100_000), (0.1, 0.3)),
}


class Draws(Library):
    """The keys that calls take from rng."""

    def _train(self, rng: Any, size: int = 64) -> Any:
        return self.host(self.api.rrelu(self.filled((size,)), training=True, rng=rng))

    def test_integer_is_stateless(self) -> None:
        """An integer gives the same slopes at every call, also as a NumPy integer, and another integer gives other slopes."""
        first = self._train(42)
        assert_equal_bits(self._train(42), first)
        assert_equal_bits(self._train(np.int64(42)), first)
        assert_equal_bits(self._train(np.uint64(42)), first)
        assert np.count_nonzero(self._train(43) == first) == 0, "the slopes of key 43 repeat those of key 42"

    def test_numpy_generator_advances(self) -> None:
        """A NumPy generator gives each call the next uint64 as its key."""
        rng, twin = np.random.default_rng(5), np.random.default_rng(5)
        for call in range(3):
            key = int(twin.integers(0, 1 << 64, dtype=np.uint64))
            assert_equal_bits(self._train(rng), self._train(key), call=call, key=key)

    @pytest.mark.parametrize("call", QUIET_CALLS)
    def test_one_key_a_call(self, call: str) -> None:
        """A call in training takes one key from its generator, for any data and bounds."""
        self.need(*["scalars"] * (call == "zero_d"))
        x, bounds = QUIET_CALLS[call]
        array = self.array(x, "float32")
        for name in ("rrelu", "rrelu_vjp"):
            rng, twin = np.random.default_rng(6), np.random.default_rng(6)
            getattr(self.api, name)(array, *bounds, training=True, rng=rng)
            twin.integers(0, 1 << 64, dtype=np.uint64)
            assert rng.bit_generator.state == twin.bit_generator.state, f"{name} did not take exactly one key"

    def test_evaluation_takes_no_key(self) -> None:
        """In evaluation a generator does not advance."""
        rng = np.random.default_rng(7)
        before = rng.bit_generator.state
        self.api.rrelu(self.filled((9,)), rng=rng)
        self.api.rrelu_vjp(self.filled((9,)), rng=rng)
        assert rng.bit_generator.state == before

    @pytest.mark.parametrize("seed", [np.random.SeedSequence(8), [1, 2, 3], np.random.PCG64(8)], ids=["SeedSequence", "list", "PCG64"])
    def test_numpy_seeds(self, seed: Any) -> None:
        """The seeds of `numpy.random.default_rng` are accepted."""
        slopes = self._train(seed)
        assert np.unique(slopes).size == slopes.size

    def test_none_is_another_key_each_time(self) -> None:
        """Two calls without rng draw different slopes."""
        self.need("default_rng")
        assert np.count_nonzero(self._train(None) == self._train(None)) == 0, "two calls without rng drew the same slopes"

    def test_generator_of_the_library(self) -> None:
        """A generator of the library gives the same slopes from the same seed, and advances at each call."""
        self.need("generator")
        one, twin, other = self.generator(9), self.generator(9), self.generator(10)
        first, second = self._train(one), self._train(one)
        assert_equal_bits(self._train(twin), first)
        assert_equal_bits(self._train(twin), second)
        assert np.count_nonzero(first == second) == 0, "the generator did not advance"
        assert np.count_nonzero(first == self._train(other)) == 0, "the seed of the generator is ignored"

    def test_global_generator(self) -> None:
        """Without rng, the seed of the library's global generator determines the slopes."""
        self.need("global_generator")
        self.seed_global(11)
        first, second = self._train(None), self._train(None)
        self.seed_global(11)
        assert_equal_bits(self._train(None), first)
        assert_equal_bits(self._train(None), second)

    def test_layer(self) -> None:
        """`RReLU` starts in training mode, and `train` and `eval` switch it."""
        x = self.array(np.linspace(-3, 3, 101), "float32")
        layer = self.api.RReLU(0.2, 0.4, rng=12)
        drawn, constant = self.api.rrelu(x, 0.2, 0.4, training=True, rng=12), self.api.rrelu(x, 0.2, 0.4)
        assert layer.training
        assert_equal_bits(self.host(layer(x)), self.host(drawn), mode="new")
        assert layer.eval() is layer
        assert_equal_bits(self.host(layer(x)), self.host(constant), mode="eval()")
        assert layer.train() is layer
        assert_equal_bits(self.host(layer(x)), self.host(drawn), mode="train()")

    def test_layer_options(self) -> None:
        """`RReLU` applies its bounds, shared axes and generator, which advances from call to call."""
        x, rng = self.filled((4, 5)), np.random.default_rng(13)
        layer = self.api.RReLU(-0.4, 0.2, rng=rng, shared_axes=0)
        for key in np.random.default_rng(13).integers(0, 1 << 64, 2, dtype=np.uint64):
            expected = self.api.rrelu(x, -0.4, 0.2, training=True, rng=int(key), shared_axes=0)
            assert_equal_bits(self.host(layer(x)), self.host(expected), key=int(key))
