"""The activation as an object with a mode."""

from __future__ import annotations

import math

import pytest

from arrays import floats, same
from multirrelu import RReLU, rrelu

VALUES = [-2.0, -1.0, 0.0, 1.0, -3.5]


def make(xp):
    return xp.asarray(VALUES, dtype=xp.float64)


def test_it_starts_in_training(xp):
    act = RReLU(rng=42)
    assert act.training
    assert same(floats(act(make(xp))), floats(rrelu(make(xp), training=True, rng=42)))


def test_eval_and_train_set_the_mode_and_return_the_layer(xp):
    act = RReLU(0.1, 0.3)
    assert act.eval() is act
    assert not act.training
    assert same(floats(act(make(xp))), floats(rrelu(make(xp), 0.1, 0.3)))
    assert act.train() is act
    assert act.training
    assert not act.train(False).training


def test_bounds_reach_the_function(xp):
    assert same(floats(RReLU(-1, 2, rng=42)(make(xp))), floats(rrelu(make(xp), -1, 2, training=True, rng=42)))


def test_an_integer_rng_gives_the_same_slopes_at_every_call(xp):
    act = RReLU(rng=42)
    assert floats(act(make(xp))) == floats(act(make(xp)))


def test_a_generator_gives_other_slopes_at_every_call(np):
    act, twin = RReLU(rng=np.random.default_rng(3)), np.random.default_rng(3)
    first, second = act(make(np)), act(make(np))
    assert not np.array_equal(first, second)
    for drawn in (first, second):
        assert np.array_equal(drawn, rrelu(make(np), training=True, rng=twin))


def test_inplace(xp):
    x = make(xp)
    assert RReLU(inplace=True, rng=42)(x) is x
    assert floats(x) == floats(rrelu(make(xp), training=True, rng=42))


def test_shared_axes(xp):
    rows = floats(RReLU(rng=42, shared_axes=0)(-xp.ones((2, 5))))
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "RReLU(lower=0.125, upper=0.3333333333333333)"),
        ({"lower": 0, "upper": 1}, "RReLU(lower=0.0, upper=1.0)"),
        ({"inplace": True}, "RReLU(lower=0.125, upper=0.3333333333333333, inplace=True)"),
        ({"inplace": True, "shared_axes": (0, 1)}, "RReLU(lower=0.125, upper=0.3333333333333333, inplace=True, shared_axes=(0, 1))"),
        ({"shared_axes": 0}, "RReLU(lower=0.125, upper=0.3333333333333333, shared_axes=0)"),
    ],
)
def test_repr(arguments, text):
    assert repr(RReLU(**arguments)) == text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lower": 1}, ValueError, r"^lower must not exceed upper, got lower=1\.0 and upper=0\.3333333333333333$"),
        ({"upper": math.inf}, ValueError, r"^upper must be finite and within float32, got inf of type float$"),
        ({"lower": "a"}, TypeError, r"^lower must be a real number, got 'a' of type str$"),
        ({"rng": -1}, ValueError, r"^an integer rng or key must lie in \[0, 2\*\*64\), got -1 of type int$"),
        ({"rng": "a"}, TypeError, r"^rng must be .+; got 'a' of type str$"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments, error, message):
    with pytest.raises(error, match=message):
        RReLU(**arguments)


def test_a_shared_axis_that_the_array_lacks_is_refused_at_the_call(xp):
    act = RReLU(shared_axes=3)
    with pytest.raises(ValueError, match=r"^shared axis 3 is out of range for an array of 1 axes$"):
        act(make(xp))
