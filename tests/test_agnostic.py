"""`scale` in standard functions, against the oracle element by element, in every dtype that a library has."""

from __future__ import annotations

import math

import pytest

import oracle
from arrays import floats, rounded, same
from multirrelu import Slopes, agnostic, stream
from multirrelu.bounds import lattice, midpoint
from oracle import KNOWN

DTYPES = ["float16", "bfloat16", "float32", "float64"]
BOUNDS = [(1 / 8, 1 / 3), (-1.0, 1.0), (0.0, 1.5), (-0.75, -0.5)]
VALUES = [-1.0, -0.5, 0.25, -3.0, 0.0, -0.0, 2.0, -0.001, -7.0, -1000.0, 1.5, -0.1, math.inf, -math.inf, math.nan, -1 / 3]


@pytest.fixture(params=DTYPES)
def dtype(request, xp):
    if not hasattr(xp, request.param):
        pytest.skip(f"{xp.__name__} has no {request.param}")
    return request.param


def make(xp, values, dtype):
    return xp.asarray(values, dtype=getattr(xp, dtype))


@pytest.mark.parametrize("bounds", BOUNDS)
def test_training_equals_the_oracle(xp, dtype, bounds):
    x = make(xp, VALUES, dtype)
    y = agnostic.scale(x, x, Slopes(*bounds, 42))
    held = [rounded(value, dtype) for value in VALUES]
    wanted = [oracle.scaled(value, value, oracle.slope(42, i, *bounds), dtype) for i, value in enumerate(held)]
    assert y.dtype == x.dtype
    assert same(floats(y), wanted)


@pytest.mark.parametrize("slope", [0.1, -0.3, 1.0, 2.5, 11 / 48])
def test_a_constant_slope_equals_the_oracle(xp, dtype, slope):
    x = make(xp, VALUES, dtype)
    held = [rounded(value, dtype) for value in VALUES]
    assert same(floats(agnostic.scale(x, x, slope)), [oracle.scaled(value, value, slope, dtype) for value in held])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("case", KNOWN["values"], ids=lambda case: f"key {case['key']}, {case['lower']} to {case['upper']}")
def test_known_values(np, case, dtype):
    lower, upper = float.fromhex(case["lower"]), float.fromhex(case["upper"])
    x = np.asarray([float.fromhex(value) for value in case["x"]], dtype=dtype)
    slopes = Slopes(lower, upper, case["key"]) if lattice(lower, upper) else midpoint(lower, upper)
    y = agnostic.scale(x, x, slopes)
    width = y.dtype.itemsize
    assert [f"{bits:0{2 * width}x}" for bits in y.view(f"u{width}").tolist()] == case[f"{dtype}_bits"]


def test_the_gate_decides_and_not_the_values(xp):
    values = make(xp, [-1.0, 2.0, math.nan, 4.0, 5.0], "float32")
    gate = make(xp, [1.0, -1.0, -1.0, math.nan, -0.0], "float32")
    assert same(floats(agnostic.scale(values, gate, 0.5)), [-1.0, 1.0, math.nan, 4.0, 2.5])


def test_what_is_not_scaled_cannot_overflow(xp):
    x = make(xp, [3e38, -1.0], "float32")
    assert floats(agnostic.scale(x, x, 4.0))[0] == rounded(3e38, "float32")  # and warnings are errors


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 3, 4)])
def test_shapes(xp, shape):
    x = -xp.ones(shape, dtype=xp.float64)
    y = agnostic.scale(x, x, Slopes(0.0, 1.0, 5))
    assert tuple(y.shape) == shape
    drawn = [-oracle.slope(5, i, 0.0, 1.0) for i in range(math.prod(shape))]
    assert floats(xp.reshape(y, (-1,))) == drawn


@pytest.mark.parametrize("target", ["values", "gate", "other"])
def test_out(xp, target):
    values, gate = make(xp, [1.0, -2.0, 3.0], "float32"), make(xp, [-1.0, 1.0, -2.0], "float32")
    out = {"values": values, "gate": gate, "other": xp.zeros_like(values)}[target]
    wanted = agnostic.scale(values, gate, Slopes(0.1, 0.3, 3))
    assert agnostic.scale(values, gate, Slopes(0.1, 0.3, 3), out=out) is out
    assert floats(out) == floats(wanted)


def test_out_of_no_axes(xp):
    x = make(xp, -2.0, "float32")
    assert agnostic.scale(x, x, 0.5, out=x) is x
    assert floats(x) == -1.0


@pytest.mark.parametrize("key", [9, 2**63 + 9])
def test_a_key_array_means_its_number(xp, key):
    x = -xp.ones((9,), dtype=xp.float32)
    held = xp.asarray(stream.signed(key), dtype=xp.int64)
    assert floats(agnostic.scale(x, x, Slopes(0.1, 0.3, held))) == floats(agnostic.scale(x, x, Slopes(0.1, 0.3, key)))


def test_a_key_array_of_unsigned_bits_means_its_number(np):
    x = -np.ones(9, dtype=np.float32)
    key = np.asarray(2**63 + 9, dtype=np.uint64)
    assert floats(agnostic.scale(x, x, Slopes(0.1, 0.3, key))) == floats(agnostic.scale(x, x, Slopes(0.1, 0.3, 2**63 + 9)))


@pytest.mark.parametrize("offset", [0, 2**32 - 10, 2**34 - 10, 2**63 - 10, 2**64 - 10])
def test_a_chunk_has_the_slopes_of_the_whole(xp, offset):
    x = -xp.ones((6, 7), dtype=xp.float32)
    whole = floats(agnostic.scale(x, x, Slopes(0.1, 0.3, 8, offset)))
    part = agnostic.scale(x[2:5, 1:6:2], x[2:5, 1:6:2], Slopes(0.1, 0.3, 8, offset + 2 * 7 + 1, (7, 2)))
    assert floats(part) == [row[1:6:2] for row in whole[2:5]]


def test_a_shared_axis_repeats_its_slopes(xp):
    x = -xp.ones((4, 3), dtype=xp.float32)
    rows = floats(agnostic.scale(x, x, Slopes(0.1, 0.3, 8, 0, (0, 1))))
    assert rows[1:] == rows[:-1]
    assert rows[0] == floats(agnostic.scale(x[0, :], x[0, :], Slopes(0.1, 0.3, 8)))
