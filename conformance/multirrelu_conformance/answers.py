"""Tests of the known answers: words, lattices, slopes and values that were computed outside of multirrelu."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from multirrelu import Slopes, stream
from multirrelu.answers import bounds, number, vectors
from multirrelu.dtypes import DTYPES

from .bits import assert_equal_bits, host_dtype, to_host
from .library import Library
from .reference import slope_of_word

VECTORS = vectors()
NORMAL = 2.0**-126  # the smallest normal number of float32
SPANS = ((-1.0, 1.0), (-1.0, 1 - 2**-20), (0.0, 1.0), (1 / 8, 1 / 3), (0.2, 0.2000017), (-7e30, 3e-9), (1.0, 1 + 2**-23))


def by_bounds(record: dict[str, Any]) -> str:
    """Return the name of a record in the report of pytest."""
    lower, upper = bounds(record)
    return f"{lower:.6g}:{upper:.6g}" + (f"-key{record['key']}" if "key" in record else "")


class KnownAnswers(Library):
    """The known answers of the sampling standard."""

    @pytest.mark.parametrize("record", VECTORS["words"], ids=lambda r: f"key{r['key']}-index{r['index'][0]}")
    def test_known_words(self, record: dict[str, Any]) -> None:
        """Slopes show the known words: a slope shows the upper bits, and several bounds show several ranges of bits."""
        for index, word in zip(record["index"], record["word"], strict=True):
            for lower, upper in SPANS:
                slope = self.slopes((1,), Slopes(lower, upper, record["key"], offset=index))
                expected = np.asarray([slope_of_word(int(word, 16), lower, upper)], dtype=np.float32)
                assert_equal_bits(slope, expected, key=record["key"], index=index, word=word, bounds=(lower, upper))

    @pytest.mark.parametrize("record", VECTORS["words"], ids=lambda r: f"key{r['key']}-index{r['index'][0]}")
    def test_known_words_of_the_stream(self, record: dict[str, Any]) -> None:
        """The standard functions compute the known words on this library, in all 32 bits."""
        self.need("shifts")
        index = self.from_numpy(np.asarray(record["index"], dtype=np.int64))
        words = self.to_numpy(stream.words(self.xp, record["key"], index))
        assert [f"{word:08x}" for word in words.tolist()] == record["word"], f"key={record['key']} index={record['index']}"

    @pytest.mark.parametrize("record", VECTORS["lattice"], ids=by_bounds)
    def test_known_lattice(self, record: dict[str, Any]) -> None:
        """The known word at each index gives the right point of the known lattice."""
        lower, upper = bounds(record)
        words = next(r for r in VECTORS["words"] if r["key"] == 42 and r["index"][0] == 0)["word"]
        if record["lo_hi_s"] is None:
            expected = [slope_of_word(0, lower, upper)] * len(words)
        else:
            low, high, shift = record["lo_hi_s"]
            expected = [(low + (int(word, 16) * (high - low + 1) >> 32)) * 2.0**-shift for word in words]
        like = self.filled((len(words),), dtype="float64")
        slopes = self.host(self.api.draw_slopes(like, lower, upper, rng=42))
        assert_equal_bits(slopes, np.asarray(expected), key=42, bounds=(lower, upper))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("record", VECTORS["slopes"], ids=by_bounds)
    def test_known_slopes(self, record: dict[str, Any], dtype: str) -> None:
        """`draw_slopes` gives the known slopes, exact in both dtypes; only a constant slope is rounded in float32."""
        lower, upper = bounds(record)
        exact = np.asarray([float.fromhex(slope) for slope in record["slope"]])
        if dtype == "float32" and np.any((exact != 0) & (abs(exact) < NORMAL)):
            pytest.skip("subnormal in float32, which is outside the promise")
        assert record["index"] == list(range(len(exact)))
        slopes = self.host(self.api.draw_slopes(self.filled(exact.shape, dtype=dtype), lower, upper, rng=record["key"]))
        assert_equal_bits(slopes, exact.astype(dtype), key=record["key"], bounds=(lower, upper))

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("record", VECTORS["values"], ids=by_bounds)
    def test_known_values(self, record: dict[str, Any], dtype: str) -> None:
        """`rrelu` gives the known results in training, in the four dtypes."""
        lower, upper = bounds(record)
        x = to_host([float.fromhex(text) for text in record["x"]], dtype)
        expected = np.asarray([number(bits, dtype) for bits in record[f"{dtype}_bits"]], dtype=host_dtype(dtype))
        y = self.api.rrelu(self.array(x, dtype), lower, upper, training=True, rng=record["key"])
        self.check(y, expected, dtype, inputs={"x": x}, key=record["key"], bounds=(lower, upper))

    @pytest.mark.parametrize("key", [int(key) for key in VECTORS["digests"]["slopes"]])
    def test_known_digest_of_slopes(self, key: int) -> None:
        """The first 2**20 slopes of the default bounds have the known SHA-256."""
        slopes = self.host(self.api.draw_slopes(self.filled((1 << 20,)), rng=key))
        assert hashlib.sha256(slopes.astype("<f4").tobytes()).hexdigest() == VECTORS["digests"]["slopes"][str(key)]

    @pytest.mark.parametrize("key", [int(key) for key in VECTORS["digests"]["words"]])
    def test_known_digest_of_words(self, key: int) -> None:
        """The first 2**20 words that the standard functions compute on this library have the known SHA-256."""
        self.need("shifts")
        words = self.to_numpy(stream.words(self.xp, key, self.from_numpy(np.arange(1 << 20, dtype=np.int64))))
        assert hashlib.sha256(words.astype("<u4").tobytes()).hexdigest() == VECTORS["digests"]["words"][str(key)]
