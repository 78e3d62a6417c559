"""The sampling standard: known answers from outside, and an oracle in Python's integers and fractions."""

from __future__ import annotations

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from arrays import floats
from multirrelu import Slopes, stream
from multirrelu.bounds import FLOAT32_MAX, lattice, midpoint
from oracle import KNOWN

BOUNDS = [(1 / 8, 1 / 3), (0.0, 1.0), (-1.0, 1.0), (-0.7, -0.2), (0.1, 0.1 + 1e-6), (-3e38, 3.4e38), (1e-30, 2e-30)]
INDICES = [0, 1, 2, 3, 4, 7, 2**32 - 1, 2**32, 2**34 - 1, 2**34, 2**34 + 5, 2**63 - 1, 2**63, 2**64 - 1]
# From Random123's own file of known answers, kat_vectors: counter, key, output.
KAT = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]

keys = st.integers(0, 2**64 - 1)
finite = st.floats(-FLOAT32_MAX, FLOAT32_MAX)
bounds = st.one_of(
    st.tuples(finite, finite).map(sorted),
    st.tuples(st.floats(-2, 2), st.floats(0, 1)).map(lambda pair: [pair[0], pair[0] + pair[1]]),
)


def hexes(text):
    return [int(part, 16) for part in text.split()]


@pytest.mark.parametrize("function", [stream.philox, oracle.philox], ids=["package", "oracle"])
@pytest.mark.parametrize(("counter", "key", "output"), KAT)
def test_philox_gives_the_published_answers(function, counter, key, output):
    assert list(function(hexes(counter), hexes(key))) == hexes(output)


@given(counter=st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4), key=keys)
def test_philox_equals_the_oracle(counter, key):
    key_words = [key % 2**32, key >> 32]
    assert list(stream.philox(counter, key_words)) == oracle.philox(counter, key_words)


@pytest.mark.parametrize("kind", ["int", "array"])
@pytest.mark.parametrize("case", KNOWN["words"], ids=lambda case: f"key {case['key']} from {case['index'][0]}")
def test_known_words(xp, case, kind):
    index = xp.asarray([stream.signed(i) for i in case["index"]], dtype=xp.int64)
    key = case["key"] if kind == "int" else xp.asarray(stream.signed(case["key"]), dtype=xp.int64)
    assert [f"{word:08x}" for word in floats(stream.words(xp, key, index))] == case["word"]


@pytest.mark.parametrize("key", [0, 42, 2**32, 2**63, 2**64 - 1])
def test_words_equal_the_oracle(xp, key):
    index = xp.asarray([stream.signed(i) for i in INDICES], dtype=xp.int64)
    assert floats(stream.words(xp, key, index)) == [oracle.word(key, i) for i in INDICES]


@pytest.mark.parametrize("key", KNOWN["digests"]["words"])
def test_a_million_words(np, key):
    drawn = stream.words(np, int(key), np.arange(2**20))
    assert hashlib.sha256(drawn.astype("<u4").tobytes()).hexdigest() == KNOWN["digests"]["words"][key]


@pytest.mark.parametrize("key", KNOWN["digests"]["slopes"])
def test_a_million_slopes(np, key):
    drawn = stream.draw(np, (2**20,), Slopes(1 / 8, 1 / 3, int(key)), np.float32, None)
    assert hashlib.sha256(drawn.astype("<f4").tobytes()).hexdigest() == KNOWN["digests"]["slopes"][key]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", KNOWN["slopes"], ids=lambda case: f"key {case['key']}, {case['lower']} to {case['upper']}")
def test_known_slopes(xp, case, dtype):
    lower, upper, first = float.fromhex(case["lower"]), float.fromhex(case["upper"]), case["index"][0]
    assert case["index"] == list(range(first, first + len(case["index"])))
    wanted = [float.fromhex(slope) for slope in case["slope"]]
    if lattice(lower, upper) is None:
        assert {midpoint(lower, upper)} == set(wanted)
        return
    slopes = Slopes(lower, upper, case["key"], offset=first)
    assert floats(stream.draw(xp, (len(wanted),), slopes, getattr(xp, dtype), None)) == wanted


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("key", [3, 2**64 - 59])
def test_slopes_equal_the_oracle(xp, bounds, key):
    drawn = floats(stream.draw(xp, (99,), Slopes(*bounds, key), xp.float32, None))
    assert drawn == [oracle.slope(key, i, *bounds) for i in range(99)]
    assert all(bounds[0] <= slope <= bounds[1] for slope in drawn)
    assert len(set(drawn)) > 1


@given(bounds=bounds, key=keys, offset=keys)
def test_any_slopes_equal_the_oracle(bounds, key, offset):
    np = pytest.importorskip("numpy")
    if lattice(*bounds) is not None:
        drawn = stream.draw(np, (5,), Slopes(*bounds, key, offset), np.float32, None)
        assert drawn.tolist() == [oracle.slope(key, offset + i, *bounds) for i in range(5)]


@pytest.mark.parametrize(
    ("shape", "offset", "strides"),
    [
        ((), 0, None),
        ((), 2**63, None),
        ((0,), 0, None),
        ((5,), 2**32 - 2, None),
        ((5,), 2**34 - 2, None),
        ((5,), 2**63 - 2, None),
        ((5,), 2**64 - 2, None),
        ((2, 3), 7, None),
        ((2, 3), 0, (1, 2)),
        ((2, 3), 0, (3, 0)),
        ((2, 3), 0, (0, 0)),
        ((3, 2), 10, (-5, 2**33)),
        ((3, 2), 0, (2**63, -(2**64) - 1)),
        ((1, 4), 1, (2**65, 3)),
        ((2, 0, 3), 1, None),
    ],
)
def test_indices(xp, np, shape, offset, strides):
    got = stream.indices(xp, shape, Slopes(0, 1, 0, offset, strides), None)
    assert got.dtype == xp.int64
    assert got.ndim == len(shape)
    steps = strides if strides is not None else [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    full = np.broadcast_to(np.asarray(floats(got), dtype=np.int64).reshape(got.shape), shape)
    for coordinate in np.ndindex(*shape):
        index = offset + sum(step * at for step, at in zip(steps, coordinate, strict=True))
        assert int(full[coordinate]) == stream.signed(index)


def test_indices_of_a_shared_axis_are_drawn_once(xp):
    got = stream.indices(xp, (1000, 3), Slopes(0, 1, 0, 0, (0, 1)), None)
    assert tuple(got.shape) == (1, 3)


def test_a_library_whose_64_bit_integers_are_switched_off_draws_in_words(np, monkeypatch):
    expected = stream.draw(np, (3,), Slopes(0, 1, 7), np.float32, None)
    monkeypatch.setattr(stream, "indices", lambda *_: np.zeros(3, dtype=np.int32))
    assert np.array_equal(stream.draw(np, (3,), Slopes(0, 1, 7), np.float32, None), expected)


def test_another_error_than_a_lack_of_64_bit_integers_is_not_hidden(np, monkeypatch):
    def fail(*_):
        raise ValueError("out of memory")

    monkeypatch.setattr(stream, "indices", fail)
    with pytest.raises(ValueError, match=r"^out of memory$"):
        stream.draw(pytest.importorskip("array_api_compat.numpy"), (3,), Slopes(0, 1, 7), np.float32, None)
