"""Bounds of slopes: every kind of number that can be read, each refusal, and the lattice between two of them."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import oracle
from arrays import floats, rounded
from multirrelu import RReLU, Slopes, draw_slopes, rrelu, rrelu_vjp, scale
from multirrelu.bounds import FLOAT32_MAX, check_bound, check_bounds, lattice, midpoint
from oracle import KNOWN

finite = st.floats(-FLOAT32_MAX, FLOAT32_MAX)
bounds = st.one_of(
    st.tuples(finite, finite).map(sorted),
    st.tuples(st.floats(-2, 2), st.floats(0, 1)).map(lambda pair: [pair[0], pair[0] + pair[1]]),
)


class Length:
    """A number of somebody's own, with a unit that it loses when it is read."""

    def __float__(self) -> float:
        return 0.25


# Numbers


@pytest.mark.parametrize("bound", [0, 1, -3, 0.25, Fraction(1, 4), Decimal("0.25"), FLOAT32_MAX, -FLOAT32_MAX, 5e-324], ids=repr)
def test_bounds_come_back_as_floats(bound):
    low, high = check_bounds(bound, bound)
    assert type(low) is type(high) is float
    assert low == high == bound


def test_what_can_be_read_as_a_number_is_one():
    assert check_bounds(Length(), Length()) == (0.25, 0.25)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "longdouble", "int8", "uint64"])
def test_numpy_scalars_are_numbers(np, kind):
    low, high = check_bounds(getattr(np, kind)(1), getattr(np, kind)(2))
    assert (type(low), low, high) == (float, 1.0, 2.0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_0d_arrays_are_numbers(xp, dtype):
    low, high = check_bounds(*(xp.asarray(value, dtype=getattr(xp, dtype)) for value in (0, 1)))
    assert (type(low), low, high) == (float, 0.0, 1.0)


def test_bfloat16_is_a_number(np):
    assert check_bound("lower", np.asarray(0.5, dtype=pytest.importorskip("ml_dtypes").bfloat16)) == 0.5


def test_a_tensor_of_bfloat16_is_a_number(torch):
    assert check_bound("lower", torch.tensor(0.5, dtype=torch.bfloat16)) == 0.5


def test_a_0d_array_of_jax_is_a_number():
    assert check_bound("lower", pytest.importorskip("jax").numpy.asarray(0.5)) == 0.5


@pytest.mark.parametrize(
    "function", [rrelu, lambda *a: rrelu_vjp(*a)[0], lambda *a: draw_slopes(*a, rng=1)], ids=["rrelu", "vjp", "slopes"]
)
def test_the_functions_take_0d_arrays_as_bounds(xp, function):
    x = -xp.ones(5)
    assert floats(function(x, xp.asarray(0.125), xp.asarray(0.25))) == floats(function(x, 0.125, 0.25))


# What is no number


@pytest.mark.parametrize("bound", [True, False, "0.1", b"0.1", None, 1j, [0.1], (0.1,), {0.1}, object()], ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("name", ["lower", "upper"])
def test_bound_of_a_wrong_type(name, bound):
    bounds = {"lower": 0.0, "upper": 1.0, name: bound}
    with pytest.raises(TypeError, match=rf"^{name} must be a real number, got .*{type(bound).__name__}$"):
        check_bounds(**bounds)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bool_", True),
        ("complex64", 1),
        ("str_", "0.5"),
        ("bytes_", b"0.5"),
        ("timedelta64", 3),
        ("datetime64", "2020"),
        ("object_", None),
    ],
)
def test_numpy_scalars_and_arrays_that_are_no_numbers(np, kind, value):
    scalar = getattr(np, kind)(value) if kind != "object_" else np.asarray(value, dtype=object)
    for bound in (scalar, np.asarray(scalar)):
        with pytest.raises(TypeError, match=r"^upper must be a real number, got an? "):
            check_bounds(0, bound)


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_0d_arrays_that_are_no_numbers(xp, dtype):
    with pytest.raises(TypeError, match=rf"^lower must be a real number, got .+ of shape \(\) and dtype .*{dtype}"):
        check_bounds(xp.asarray(1, dtype=getattr(xp, dtype)), 1.0)


@pytest.mark.parametrize("shape", [(1,), (2, 3), (0,)])
def test_arrays_of_many_elements(xp, shape):
    with pytest.raises(TypeError, match=r"^upper must be a single number, got an? .+ of shape \("):
        check_bounds(0.0, xp.ones(shape))


@pytest.mark.parametrize("error", [ValueError, RuntimeError, TypeError, OSError])
def test_a_number_that_cannot_be_read(error):
    class Unready:
        def __float__(self) -> float:
            raise error("not yet")

    with pytest.raises(TypeError, match=r"^lower must be a number that can be read now, got a Unready of \S+: pass a float$"):
        check_bounds(Unready(), 1.0)


def test_traced_bounds():
    jax = pytest.importorskip("jax")
    message = r"^upper must be a number that can be read now, got .+Tracer of jax of shape \(\) and dtype float32: pass a float\b"
    for function in (
        lambda x, b: rrelu(x, 0.0, b),
        lambda x, b: rrelu(x, 0.0, b, training=True, rng=1),
        lambda x, b: scale(x, x, Slopes(0.0, b, 1)),
    ):
        for transform in (jax.jit, lambda f: jax.grad(lambda x, b: f(x, b).sum(), argnums=1)):
            with pytest.raises(TypeError, match=message):
                transform(function)(-jax.numpy.ones(3), 0.5)


def test_a_traced_constant_slope():
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match=r"^a constant slope must be a number that can be read now, got .+: pass a float\b"):
        jax.jit(lambda x, a: scale(x, x, a))(jax.numpy.ones(3), 0.5)


@pytest.mark.parametrize("name", ["lower", "upper"])
def test_tensors_that_require_a_gradient(torch, name):
    bounds = {"lower": 0.0, "upper": 1.0, name: torch.tensor(0.5, requires_grad=True)}
    message = rf"^{name} is a constant of the call and has no gradient, got a Tensor of torch of shape \(\) and dtype .+: pass a float$"
    for training in (False, True):
        with pytest.raises(TypeError, match=message):
            rrelu(torch.ones(3), training=training, rng=1, **bounds)
    with pytest.raises(TypeError, match=message):
        RReLU(**bounds)
    assert check_bounds(**{**bounds, name: bounds[name].detach()})


def test_tensors_without_values(torch):
    with pytest.raises(TypeError, match=r"^lower must be a number that can be read now, got a Tensor of torch"):
        check_bounds(torch.zeros((), device="meta"), 1.0)


# Numbers out of their range


@pytest.mark.parametrize("bound", [math.inf, -math.inf, math.nan, 3.4028236e38], ids=repr)
@pytest.mark.parametrize("name", ["lower", "upper"])
def test_bound_out_of_range(name, bound):
    bounds = {"lower": 0.0, "upper": 1.0, name: bound}
    with pytest.raises(ValueError, match=rf"^{name} must be finite and within float32, got {re.escape(repr(bound))} of type float$"):
        check_bounds(**bounds)


@pytest.mark.parametrize(
    "bound", [10**39, 10**400, -(10**400), 10**5000, Fraction(10**400), Decimal("1e400")], ids=["39", "400", "-", "5000", "f", "d"]
)
def test_bound_beyond_double(bound):
    """10**5000 has more digits than Python writes."""
    with pytest.raises(ValueError, match=r"^upper must be finite and within float32, got .{,90}$"):
        check_bounds(-1.0, abs(bound))
    with pytest.raises(ValueError, match=r"^lower must be finite and within float32, got .{,90}$"):
        check_bounds(-abs(bound), 1.0)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_0d_array_out_of_range(xp, value):
    with pytest.raises(ValueError, match=r"^upper must be finite and within float32, got .+ of shape \(\) and dtype"):
        check_bounds(0.0, xp.asarray(value))


def test_bounds_in_the_wrong_order():
    with pytest.raises(ValueError, match=r"^lower must not exceed upper, got lower=0\.5 and upper=0\.25$"):
        check_bounds(0.5, 0.25)


def test_constant_slope_is_named():
    with pytest.raises(TypeError, match=r"^a constant slope must be a real number, got 'a' of type str$"):
        check_bound("a constant slope", "a")


# The lattice


@pytest.mark.parametrize("case", KNOWN["lattice"], ids=lambda case: f"{case['lower']} to {case['upper']}")
def test_known_lattices(case):
    lower, upper = float.fromhex(case["lower"]), float.fromhex(case["upper"])
    if case["lo_hi_s"] is None:  # at most one point: the slope is constant
        assert oracle.lattice(lower, upper)[1] <= oracle.lattice(lower, upper)[0]
        assert lattice(lower, upper) is None
    else:
        low, high, shift = case["lo_hi_s"]
        assert oracle.lattice(lower, upper) == (low, high, shift)
        assert lattice(lower, upper) == (low, high - low + 1, 2.0**-shift)


@given(bounds=bounds)
@example(bounds=[0.0, 0.0])
@example(bounds=[-0.0, 5e-324])
@example(bounds=[0.0, 2.0**-101])
@example(bounds=[0.0, math.nextafter(2.0**-101, 1)])
@example(bounds=[-1.0, 1.0])
@example(bounds=[0.0, math.nextafter(1.0, 2)])
@example(bounds=[-FLOAT32_MAX, FLOAT32_MAX])
@example(bounds=[-1e37, -1e-300])
@example(bounds=[1e-300, 1e37])
def test_lattice_equals_the_oracle_and_is_exact(bounds):
    lower, upper = bounds
    low, high, shift = oracle.lattice(lower, upper)
    points = lattice(lower, upper)
    if high <= low:
        assert points is None
        assert lower <= midpoint(lower, upper) <= upper
        return
    assert points == (low, high - low + 1, math.ldexp(1.0, -shift))
    assert max(abs(low), abs(high)) <= 2**24
    assert points.span <= 2**25 + 1  # 32 + 26 bits: the product with a word fits int64
    for n in (low, (low + high) // 2, high):
        slope = n * points.unit
        assert lower <= slope <= upper
        assert rounded(slope, "float32") == slope


@pytest.mark.parametrize("bounds", [(0.2, 0.2), (0.1, math.nextafter(0.1, 1)), (-0.0, 0.0), (0.0, 5e-324)])
def test_equal_or_nearly_equal_bounds_have_no_lattice(bounds):
    assert lattice(*bounds) is None


def test_midpoint_does_not_overflow():
    assert midpoint(FLOAT32_MAX, FLOAT32_MAX) == FLOAT32_MAX
    assert midpoint(-FLOAT32_MAX, FLOAT32_MAX) == 0


def test_zeros_of_both_signs_keep_their_own_midpoint():
    """They are equal, so that a cache by bounds would take one for the other."""
    for lower, upper in ((0.0, 0.0), (-0.0, -0.0), (0.0, 0.0)):
        assert lattice(lower, upper) is None
        assert math.copysign(1, midpoint(lower, upper)) == math.copysign(1, lower)
