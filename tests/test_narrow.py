"""The sampling standard in 32-bit words: the bits of `multirrelu.stream`, on a device that has no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import multirrelu
from multirrelu import Slopes, narrow, stream

np = pytest.importorskip("numpy")
strict = pytest.importorskip("array_api_strict")

NARROW = strict.Device("no_x64")
WORD = st.integers(0, 2**32 - 1)
LONG = st.integers(0, 2**64 - 1)
EDGES = st.sampled_from([0, 1, 3, 2**32 - 1, 2**32, 2**34 - 1, 2**63, 2**64 - 1])


@given(WORD, st.lists(WORD, min_size=1, max_size=5))
def test_products(multiplier, words):
    high, low = narrow.multiply(multiplier, np.asarray(words, dtype=np.uint32))
    for word, top, bottom in zip(words, high.tolist(), low.tolist(), strict=True):
        assert top << 32 | bottom == multiplier * word


@given(
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
    LONG | EDGES,
    LONG | EDGES,
    st.none() | st.lists(LONG | EDGES, min_size=3, max_size=3),
    st.sampled_from([(0.125, 1 / 3), (-1.0, 1.0), (-3e38, 3e38), (-1e-40, 0.25)]),
)
def test_slopes(shape, key, offset, strides, bounds):
    slopes = Slopes(*bounds, key, offset, None if strides is None else tuple(strides[: len(shape)]))
    got = narrow.draw(strict, shape, slopes, strict.float32, NARROW)
    assert got.device == NARROW
    expected = stream.draw(strict, shape, slopes, strict.float32, None)
    one, other = (np.broadcast_to(np.asarray(strict.asarray(x, device=strict.Device())), shape) for x in (got, expected))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (7,), (3, 5, 2)], ids=str)
def test_an_array_on_such_a_device(shape):
    x = -np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)
    on_device = strict.asarray(x, device=NARROW)
    for options in ({}, {"shared_axes": 0} if shape else {}):
        y, pullback = multirrelu.rrelu_vjp(on_device, training=True, rng=42, **options)
        expected, back = multirrelu.rrelu_vjp(x, training=True, rng=42, **options)
        assert y.device == NARROW
        for one, other in ((y, expected), (pullback(on_device), back(x))):
            assert np.asarray(strict.asarray(one, device=strict.Device())).tobytes() == other.tobytes()


def test_a_key_that_is_an_array():
    key = strict.asarray(7, dtype=strict.int32, device=NARROW)
    one, other = (narrow.draw(strict, (5,), Slopes(0.1, 0.3, k), strict.float32, NARROW) for k in (key, 7))
    assert strict.all(one == other)


def test_draw_slopes_and_out():
    x = strict.asarray([-1.0, 2.0, -1.0], device=NARROW, dtype=strict.float32)
    slopes = multirrelu.draw_slopes(x, rng=42)
    out = strict.zeros_like(x)
    assert multirrelu.rrelu(x, training=True, rng=42, out=out) is out
    assert out[0] == -slopes[0]
    assert out[2] == -slopes[2]
