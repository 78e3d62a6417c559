"""The contract: `Slopes` holds only what is right, and every backend has the one signature."""

from __future__ import annotations

import dataclasses
import inspect
import re
from decimal import Decimal
from fractions import Fraction
from importlib.metadata import entry_points

import pytest

from multirrelu import Backend, Slopes, agnostic
from multirrelu.contract import FLOAT32_MAX, check_bound, check_bounds, check_key, row_major

NO_NUMBERS = [True, "0.1", None, 1j, Decimal("0.1"), [0.1]]


@pytest.mark.parametrize("bound", [0, 1, -3, 0.25, Fraction(1, 4), FLOAT32_MAX, -FLOAT32_MAX, 5e-324])
def test_bounds_come_back_as_floats(bound):
    low, high = check_bounds(bound, bound)
    assert type(low) is type(high) is float
    assert low == high == bound


def test_numpy_scalars_are_numbers(np):
    assert check_bounds(np.float32(0.1), np.int64(2)) == (float(np.float32(0.1)), 2.0)


@pytest.mark.parametrize("bound", NO_NUMBERS)
@pytest.mark.parametrize("name", ["lower", "upper"])
def test_bound_of_a_wrong_type(name, bound):
    bounds = {"lower": 0.0, "upper": 1.0, name: bound}
    with pytest.raises(TypeError, match=rf"^{name} must be a real number, got .+ of type {type(bound).__name__}$"):
        check_bounds(**bounds)


def test_numpy_bool_is_no_bound(np):
    with pytest.raises(TypeError, match=r"^upper must be a real number, got .+ of type bool"):
        check_bounds(0, np.bool_(True))


@pytest.mark.parametrize("bound", [float("inf"), float("-inf"), float("nan"), 3.4028236e38, 10**400, -(10**400)])
@pytest.mark.parametrize("name", ["lower", "upper"])
def test_bound_out_of_range(name, bound):
    bounds = {"lower": 0.0, "upper": 1.0, name: bound}
    with pytest.raises(ValueError, match=rf"^{name} must be finite and within float32, got {re.escape(repr(bound))}$"):
        check_bounds(**bounds)


def test_bounds_in_the_wrong_order():
    with pytest.raises(ValueError, match=r"^lower must not exceed upper, got lower=0\.5 and upper=0\.25$"):
        check_bounds(0.5, 0.25)


def test_constant_slope_is_named():
    with pytest.raises(TypeError, match=r"^a constant slope must be a real number, got 'a' of type str$"):
        check_bound("a constant slope", "a")


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
def test_keys_are_64_bits(key):
    assert check_key(key) == key


@pytest.mark.parametrize("key", [-1, 2**64, -(2**64), 10**30])
def test_key_out_of_range(key):
    with pytest.raises(ValueError, match=rf"^an integer rng or key must lie in \[0, 2\*\*64\), got {key}$"):
        check_key(key)


@pytest.mark.parametrize("key", [False, 1.0, "1", None])
def test_key_of_a_wrong_type(key):
    with pytest.raises(TypeError, match=rf"^a key must be an integer, got {key!r} of type {type(key).__name__}$"):
        check_key(key)


def test_slopes_normalise_their_fields():
    class Three:
        def __index__(self) -> int:
            return 3

    slopes = Slopes(0, Fraction(1, 2), Three(), offset=-1, strides=[Three(), -(2**70)])
    assert slopes == Slopes(0.0, 0.5, 3, 2**64 - 1, (3, -(2**70)))
    assert [type(field) for field in dataclasses.astuple(slopes)] == [float, float, int, int, tuple]


def test_slopes_are_values():
    one, other = Slopes(0.1, 0.3, 7), Slopes(0.1, 0.3, 7)
    assert one == other
    assert hash(one) == hash(other)
    assert one != Slopes(0.1, 0.3, 8)


def test_slopes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="key"):
        Slopes(0.1, 0.3, 7).key = 8


def test_slopes_keep_a_key_array(xp):
    key = xp.asarray(5, dtype=xp.int64)
    assert Slopes(0.1, 0.3, key).key is key


def test_slopes_refuse_a_key_of_many_elements(xp):
    with pytest.raises(ValueError, match=r"^a key must be a 0-d array, got one of shape \(2,\)$"):
        Slopes(0.1, 0.3, xp.asarray([1, 2], dtype=xp.int64))


@pytest.mark.parametrize("dtype", ["float64", "bool"])
def test_slopes_refuse_a_key_array_of_no_integers(xp, dtype):
    with pytest.raises(TypeError, match=rf"^a key must be an integer, got an array of .*{dtype}$"):
        Slopes(0.1, 0.3, xp.asarray(1, dtype=getattr(xp, dtype)))


def test_slopes_take_a_numpy_scalar_as_the_integer_it_is(np):
    assert type(Slopes(0.1, 0.3, np.uint64(2**64 - 1)).key) is int
    with pytest.raises(ValueError, match="got -1"):
        Slopes(0.1, 0.3, np.int64(-1))


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("lower", "a", TypeError, r"lower must be a real number, got 'a' of type str"),
        ("upper", 0.05, ValueError, r"lower must not exceed upper, got lower=0\.1 and upper=0\.05"),
        ("key", -1, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got -1"),
        ("key", 1.5, TypeError, r"a key must be an integer, got 1\.5 of type float"),
        ("offset", 1.5, TypeError, r"offset must be an integer, got 1\.5"),
        ("strides", (1, "b"), TypeError, r"a stride must be an integer, got 'b'"),
        ("strides", 5, TypeError, "strides must be a sequence of integers, got 5"),
    ],
)
def test_slopes_check_every_field(field, value, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Slopes(**{"lower": 0.1, "upper": 0.3, "key": 7, field: value})


@pytest.mark.parametrize(
    ("shape", "shared", "strides"),
    [
        ((), (), ()),
        ((5,), (), (1,)),
        ((2, 3, 4), (), (12, 4, 1)),
        ((2, 3, 4), (1,), (4, 0, 1)),
        ((2, 3, 4), (0, 2), (0, 1, 0)),
        ((2, 3, 4), (0, 1, 2), (0, 0, 0)),
        ((2, 0, 4), (), (0, 4, 1)),
    ],
)
def test_row_major(shape, shared, strides):
    assert row_major(shape, shared) == strides


@pytest.mark.parametrize("backend", [agnostic.scale, *(pytest.param(e, id=e.value) for e in entry_points(group="multirrelu.backends"))])
def test_backends_have_the_one_signature(backend):
    if not callable(backend):
        pytest.importorskip(backend.name)
        backend = backend.load()
    wanted = list(inspect.signature(Backend.__call__).parameters.values())[1:]
    assert [(p.name, p.kind, p.default) for p in inspect.signature(backend).parameters.values()] == [
        (p.name, p.kind, p.default) for p in wanted
    ]
