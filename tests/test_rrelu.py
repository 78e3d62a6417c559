"""The public functions: modes, derivatives, where results go, and what is refused."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import pytest

import oracle
from arrays import floats, rounded, same
from multirrelu import Slopes, agnostic, backend_for, draw_slopes, register, rrelu, rrelu_vjp, scale
from multirrelu.bounds import midpoint

LOWER, UPPER = 1 / 8, 1 / 3
VALUES = [-2.0, -1.0, -0.0, 0.0, 1.0, 3.5, -math.inf, math.inf, math.nan, -7.25]
NEGATIVE = (-0.5, 0.5)
EQUAL = (0.25, 0.25)


def make(xp, values=VALUES, dtype="float64"):
    return xp.asarray(values, dtype=getattr(xp, dtype))


def applied(values, bounds=(LOWER, UPPER), key=42):
    return [oracle.scaled(value, value, oracle.slope(key, i, *bounds), "float64") for i, value in enumerate(values)]


# Modes


def test_evaluation_is_the_default(xp):
    assert same(floats(rrelu(make(xp))), [oracle.scaled(value, value, 0.5 * LOWER + 0.5 * UPPER, "float64") for value in VALUES])


@pytest.mark.parametrize("bounds", [(LOWER, UPPER), NEGATIVE, EQUAL, (0, 2)])
def test_training_draws_the_slopes_of_the_standard(xp, bounds):
    assert same(floats(rrelu(make(xp), *bounds, training=True, rng=42)), applied(VALUES, bounds))


def test_equal_bounds_are_the_same_in_both_modes(xp):
    assert same(floats(rrelu(make(xp), *EQUAL, training=True, rng=1)), floats(rrelu(make(xp), *EQUAL)))


@pytest.mark.parametrize("slopes", [(0.0, 0.0), (1.0, 1.0)])
def test_constant_slopes_of_zero_and_one(xp, slopes):
    values = [-1.0, 2.0, -0.0]
    assert floats(rrelu(make(xp, values), *slopes)) == [value * (slopes[0] if value <= 0 else 1) for value in values]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_arrays_of_no_axes_and_of_no_elements(xp, shape, training):
    y = rrelu(-xp.ones(shape), training=training, rng=3)
    assert tuple(y.shape) == shape


def test_the_input_is_left_alone(xp):
    x = make(xp)
    rrelu(x, training=True, rng=42)
    assert same(floats(x), VALUES)


def test_empty_arrays_with_long_axes_take_no_memory(xp):
    shape = (0, 50_000, 50_000)
    assert tuple(rrelu(xp.zeros(shape, dtype=xp.float32), training=True, rng=1).shape) == shape


def test_the_layout_in_memory_does_not_matter(xp):
    x = xp.reshape(-xp.arange(1, 13, dtype=xp.float64), (3, 4))
    turned = xp.permute_dims(x, (1, 0))
    packed = xp.asarray([list(row) for row in zip(*floats(x), strict=True)], dtype=xp.float64)
    assert floats(rrelu(turned, training=True, rng=42)) == floats(rrelu(packed, training=True, rng=42))


@pytest.mark.parametrize("view", ["Fortran", "reversed", "strided", "broadcast", "read-only"])
def test_layouts_of_numpy(np, view):
    base = -np.arange(1.0, 25.0).reshape(4, 6)
    x = {
        "Fortran": lambda: np.asfortranarray(base),
        "reversed": lambda: base[::-1, ::-1],
        "strided": lambda: base[1::2, ::3],
        "broadcast": lambda: np.broadcast_to(base[:1], (5, 6)),
        "read-only": lambda: np.frombuffer(base.tobytes()),
    }[view]()
    y = rrelu(x, training=True, rng=42)
    assert np.array_equal(y, rrelu(x.copy(order="C"), training=True, rng=42))
    assert same(y.ravel().tolist(), applied(x.ravel().tolist()))


@pytest.mark.parametrize("axes", [0, -1, (0, 1), ()], ids=repr)
def test_shared_axes(xp, axes):
    x = -xp.ones((3, 4), dtype=xp.float64)
    y = floats(rrelu(x, training=True, rng=42, shared_axes=axes))
    index = {0: lambda i, j: j, -1: lambda i, j: i, (0, 1): lambda i, j: 0, (): lambda i, j: 4 * i + j}[axes]
    assert y == [[-oracle.slope(42, index(i, j), LOWER, UPPER) for j in range(4)] for i in range(3)]


# Where results go


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("where", ["inplace", "out is x", "inplace and out is x", "out is a view of x"])
def test_results_written_to_the_input(xp, where, training):
    x = make(xp)
    wanted = floats(rrelu(make(xp), training=training, rng=42))
    out = {"inplace": None, "out is a view of x": x[...]}.get(where, x)
    y = rrelu(x, training=training, rng=42, inplace=where.startswith("inplace"), out=out)
    assert y is (x if out is None else out)
    assert same(floats(x), wanted)


def test_results_written_elsewhere(xp):
    x, out = make(xp), xp.zeros(len(VALUES), dtype=xp.float64)
    assert rrelu(x, training=True, rng=42, out=out) is out
    assert same(floats(out), applied(VALUES))
    assert same(floats(x), VALUES)


def test_inplace_with_another_out(xp):
    with pytest.raises(ValueError, match=r"^inplace=True writes to x: do not name another out as well$"):
        rrelu(make(xp), inplace=True, out=make(xp))


def test_out_of_another_dtype(xp):
    with pytest.raises(ValueError, match=r"^out has dtype .*float32.*, but x has dtype .*float64"):
        rrelu(make(xp), out=make(xp, dtype="float32"))


def test_out_that_overlaps_in_part(xp):
    x = xp.ones(9)
    with pytest.raises(ValueError, match=r"^out overlaps x in part"):
        rrelu(x[1:], out=x[:-1])


def test_inplace_on_an_array_that_overlaps_itself(np):
    x = np.lib.stride_tricks.as_strided(np.ones(1), (3,), (0,))
    with pytest.raises(
        ValueError, match=r"^x has elements that share memory, so results cannot be written to it: shape \(3,\), strides \(0,\)$"
    ):
        rrelu(x, inplace=True)


def test_inplace_on_a_read_only_array(np):
    x = np.frombuffer(bytes(16))
    with pytest.raises(TypeError, match=r"^x is immutable: an ndarray of numpy of shape \(2,\) and dtype float64 cannot be written to$"):
        rrelu(x, inplace=True)


# What is refused, in both modes and before anything is written


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"lower": 0.5}, ValueError, r"^lower must not exceed upper, got lower=0\.5 and upper=0\.3333333333333333$"),
        ({"lower": math.nan}, ValueError, r"^lower must be finite and within float32, got nan of type float$"),
        ({"upper": 1e39}, ValueError, r"^upper must be finite and within float32, got 1e\+39 of type float$"),
        ({"upper": True}, TypeError, r"^upper must be a real number, got True of type bool$"),
        ({"rng": -1}, ValueError, r"^an integer rng or key must lie in \[0, 2\*\*64\), got -1 of type int$"),
        ({"rng": "a"}, TypeError, r"^rng must be .+; got 'a' of type str$"),
        ({"shared_axes": 1}, ValueError, r"^shared axis 1 is out of range for an array of 1 axes$"),
        ({"shared_axes": "a"}, TypeError, r"^a shared axis must be an integer, got 'a' of type str$"),
    ],
    ids=repr,
)
def test_wrong_arguments(xp, wrong, error, message, training):
    x = make(xp)
    with pytest.raises(error, match=message):
        rrelu(x, training=training, inplace=True, **wrong)
    assert same(floats(x), VALUES)


@pytest.mark.parametrize("function", [rrelu, rrelu_vjp, lambda x: draw_slopes(x, rng=1)], ids=["rrelu", "rrelu_vjp", "draw_slopes"])
def test_integers_are_refused(xp, function):
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes float16, bfloat16, float32, float64, got int64: .+$"):
        function(xp.ones(3, dtype=xp.int64))


@pytest.mark.parametrize("function", [rrelu, rrelu_vjp, lambda x: draw_slopes(x, rng=1)], ids=["rrelu", "rrelu_vjp", "draw_slopes"])
def test_lists_are_refused(function):
    with pytest.raises(
        TypeError, match=r"^expected an array, got a list: pass an array of it, such as numpy\.asarray\(x, dtype='float32'\)$"
    ):
        function([1.0])


class NowhereError(Exception):
    """What a library says of an array that it cannot serve."""


@pytest.fixture
def asked(registry, np):
    """What NumPy's record is asked for each call; where slopes are drawn, it refuses."""
    asked = []

    def check(values, gate, out, *, drawn, stateful):
        asked.append((values, gate, out, drawn, stateful))
        if drawn:
            raise NowhereError

    register("numpy", replace(backend_for(np.ones(1)), scale=agnostic.scale, check=check))
    return asked


def test_a_record_is_asked_before_a_key_is_drawn(asked, np):
    x, out, rng = make(np), make(np), np.random.default_rng(1)
    before = rng.bit_generator.state
    for call in (
        lambda: rrelu(x, training=True, rng=rng, out=out),
        lambda: rrelu_vjp(x, training=True, rng=rng, inplace=True),
        lambda: rrelu(x, *EQUAL, training=True, rng=rng),
        lambda: draw_slopes(x, rng=rng),
        lambda: scale(x, x, Slopes(0.1, 0.3, 1), out=out),
    ):
        with pytest.raises(NowhereError):
            call()
    assert rng.bit_generator.state == before
    assert same(floats(x), VALUES)
    assert same(floats(out), VALUES)
    assert [(o is out, o is x, d, s is rng) for _, _, o, d, s in asked] == [
        (True, False, True, True),
        (False, True, True, True),
        (False, False, True, True),
        (False, False, True, True),
        (True, False, True, False),
    ]


def test_a_record_is_asked_in_evaluation_too(asked, np):
    """For an array that lies about itself, and an output that cannot be written to, are refused in both modes."""
    x, gate = make(np), make(np)
    y, pullback = rrelu_vjp(x)
    pullback(gate)
    scale(x, gate, 0.5)
    rrelu(x, rng=np.random.default_rng(1))
    wanted = [(x, x), (gate, y), (x, gate), (x, x)]
    assert [(v is w and g is h, o, d, s) for (v, g, o, d, s), (w, h) in zip(asked, wanted, strict=True)] == [(True, None, False, None)] * 4


@pytest.mark.parametrize("wrong", [{"lower": 0.5}, {"rng": -1}, {"rng": "a"}, {"shared_axes": 9}, {"training": "a"}], ids=repr)
def test_other_errors_come_without_it(asked, np, wrong):
    with pytest.raises((TypeError, ValueError)):
        rrelu(make(np), **wrong)


# Derivatives


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("bounds", [(LOWER, UPPER), NEGATIVE, (0.0, 0.0), (0, 1), (-0.5, -0.5)])
def test_the_pullback_applies_the_factors_of_the_forward_pass(xp, bounds, inplace, training):
    values = [-2.0, -1.0, -0.0, 0.0, 1.0, 3.5, math.inf, math.nan, -7.25]
    x = make(xp, values)
    slopes = floats(draw_slopes(x, *bounds, rng=42)) if training else [0.5 * bounds[0] + 0.5 * bounds[1]] * len(values)
    y, pullback = rrelu_vjp(x, *bounds, training=training, inplace=inplace, rng=42)
    assert same(floats(y), floats(rrelu(make(xp, values), *bounds, training=training, rng=42)))
    assert (y is x) == inplace
    factors = [slope if value <= 0 else 1.0 for value, slope in zip(values, slopes, strict=True)]
    assert floats(pullback(xp.ones_like(y))) == factors
    assert floats(pullback(xp.ones_like(y))) == factors  # as often as one likes


@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply")
def test_the_one_input_that_the_output_does_not_tell(xp):
    # -inf times a slope of zero is NaN, and the gradient where the output is NaN is that of NaN.
    y, pullback = rrelu_vjp(make(xp, [-math.inf]), 0.0, 0.0)
    assert same(floats(y), [math.nan])
    assert floats(pullback(xp.ones_like(y))) == [1.0]


def test_the_pullback_of_a_generator_uses_the_key_of_its_forward_pass(np):
    rng = np.random.default_rng(3)
    y, pullback = rrelu_vjp(-np.ones(50), training=True, rng=rng)
    rng.random(7)
    assert np.array_equal(pullback(np.ones(50)), -y)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_pullback_in_half_and_single_precision(torch, dtype):
    x = torch.tensor([-2.0, 0.5, -0.1], dtype=getattr(torch, dtype))
    _, pullback = rrelu_vjp(x, training=True, rng=42)
    wanted = [rounded(oracle.slope(42, 0, LOWER, UPPER), dtype), 1.0, rounded(oracle.slope(42, 2, LOWER, UPPER), dtype)]
    assert pullback(torch.ones_like(x)).tolist() == wanted


def test_an_underflow_to_zero_keeps_its_factor(np):
    tiny = np.float64(-5e-324)
    y, pullback = rrelu_vjp(np.asarray([tiny]), 0.1, 0.2, training=True, rng=42)
    assert y[0] == 0
    assert pullback(np.ones(1))[0] == oracle.slope(42, 0, 0.1, 0.2)


def test_the_pullback_keeps_only_the_output(np):
    x = np.asarray([-1.0, 2.0])
    _, pullback = rrelu_vjp(x, training=True, rng=42)
    x[:] = [1.0, -2.0]  # the caller's to reuse
    assert pullback(np.ones(2)).tolist() == [oracle.slope(42, 0, LOWER, UPPER), 1.0]


def test_the_pullback_keeps_the_input_where_slopes_can_be_negative(np):
    x = np.asarray([-1.0, 2.0])
    y, pullback = rrelu_vjp(x, *NEGATIVE, training=True, rng=42)
    y[:] = [1.0, -2.0]
    assert pullback(np.ones(2)).tolist() == [oracle.slope(42, 0, *NEGATIVE), 1.0]


@pytest.mark.parametrize("how", ["inplace", "out is x", "out is a view of x"])
def test_the_pullback_keeps_what_is_written_over(xp, how):
    x = make(xp, [-2.0, -1.0, 3.0])
    arguments = {"inplace": {"inplace": True}, "out is x": {"out": x}, "out is a view of x": {"out": x[:]}}[how]
    _, pullback = rrelu_vjp(x, -1, -0.5, **arguments)
    assert floats(pullback(make(xp, [1.0, 1.0, 1.0]))) == [-0.75, -0.75, 1.0]


def test_the_pullback_writes_to_out(xp):
    y, pullback = rrelu_vjp(make(xp), training=True, rng=42)
    wanted = floats(pullback(xp.ones_like(y)))
    out, g = xp.zeros_like(y), xp.ones_like(y)
    assert pullback(g, out=out) is out
    assert pullback(g, out=g) is g
    assert floats(out) == floats(g) == wanted


def test_the_pullback_refuses_another_shape(xp):
    _, pullback = rrelu_vjp(xp.ones(3))
    with pytest.raises(ValueError, match=r"^the cotangent has shape .+, but y has shape"):
        pullback(xp.ones(4))


def test_the_pullback_refuses_another_dtype(xp):
    _, pullback = rrelu_vjp(xp.ones(3, dtype=xp.float64))
    with pytest.raises(ValueError, match=r"^the cotangent has dtype .*float32.*, but y has dtype .*float64"):
        pullback(xp.ones(3, dtype=xp.float32))


def test_the_pullback_refuses_what_is_no_array(xp):
    _, pullback = rrelu_vjp(xp.ones(3))
    with pytest.raises(TypeError, match=r"^expected an array, got 1\.0 of type float: pass an array of it"):
        pullback(1.0)


def test_the_pullback_refuses_to_overwrite_a_part_of_its_gate(xp):
    memory = xp.ones(8)
    _, pullback = rrelu_vjp(xp.ones(4), out=memory[:4])
    with pytest.raises(ValueError, match=r"^out overlaps the array kept for the pullback in part"):
        pullback(xp.ones(4), out=memory[2:6])


# The slopes themselves


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_drawn_slopes_are_exact(xp, dtype):
    if not hasattr(xp, dtype):
        pytest.skip(f"{xp.__name__} has no {dtype}")
    like = xp.ones((2, 3), dtype=getattr(xp, dtype))
    drawn = draw_slopes(like, rng=42)
    assert drawn.dtype == (xp.float64 if dtype == "float64" else xp.float32)
    assert floats(drawn) == [[oracle.slope(42, 3 * i + j, LOWER, UPPER) for j in range(3)] for i in range(2)]


@pytest.mark.parametrize("shape", [(), (0,), (3, 1)])
def test_drawn_slopes_have_the_shape(xp, shape):
    assert tuple(draw_slopes(xp.ones(shape), rng=42).shape) == shape


def test_drawn_slopes_of_equal_bounds(xp):
    assert floats(draw_slopes(xp.ones(2, dtype=xp.float64), *EQUAL, rng=42)) == [0.25, 0.25]


def test_drawn_slopes_of_shared_axes(xp):
    rows = floats(draw_slopes(xp.ones((3, 4)), rng=42, shared_axes=0))
    assert rows[0] == rows[1] == rows[2]


# scale


def test_scale_is_the_primitive(xp):
    values, gate = make(xp, [1.0, 2.0, 3.0]), make(xp, [-1.0, math.nan, 0.0])
    slopes = Slopes(0.1, 0.3, 42)
    assert floats(scale(values, gate, slopes)) == [oracle.slope(42, 0, 0.1, 0.3), 2.0, 3 * oracle.slope(42, 2, 0.1, 0.3)]


@pytest.mark.parametrize("slopes", [0.25, 1, Slopes(0.25, 0.25, 7)], ids=repr)
def test_scale_by_a_constant(xp, slopes):
    constant = 0.25 if isinstance(slopes, Slopes) else slopes
    assert floats(scale(make(xp, [4.0, 4.0]), make(xp, [-1.0, 1.0]), slopes)) == [4 * constant, 4.0]


@pytest.mark.parametrize("slopes", [0.25, Slopes(0.25, 0.25, 7)], ids=repr)
def test_backends_are_given_constants_as_floats(registry, xp, slopes):
    seen = []
    register(xp.__name__.removeprefix("array_api_compat."), lambda values, gate, slopes, /, *, out=None: seen.append(slopes))
    scale(make(xp), make(xp), slopes)
    assert [(type(constant), constant) for constant in seen] == [(float, 0.25)]


def test_scale_writes_to_out(xp):
    gate = make(xp, [-1.0, 1.0])
    assert scale(make(xp, [4.0, 4.0]), gate, 0.5, out=gate) is gate
    assert floats(gate) == [2.0, 4.0]


def test_scale_chunk_by_chunk(xp):
    x = -xp.ones((4, 5), dtype=xp.float32)
    whole = floats(scale(x, x, Slopes(0.1, 0.3, 42)))
    chunks = [floats(scale(x[i, :], x[i, :], Slopes(0.1, 0.3, 42, offset=5 * i))) for i in range(4)]
    assert chunks == whole


@pytest.mark.parametrize(
    ("slopes", "error", "message"),
    [
        ("a", TypeError, r"^a constant slope must be a real number, got 'a' of type str$"),
        (True, TypeError, r"^a constant slope must be a real number, got True of type bool$"),
        (math.inf, ValueError, r"^a constant slope must be finite and within float32, got inf of type float$"),
        (Slopes(0.1, 0.3, 7, 0, (1, 2)), ValueError, r"^slopes have 2 strides \(1, 2\) for an array of shape \(10,\)$"),
        (Slopes(0.3, 0.3, 7, 0, ()), ValueError, r"^slopes have 0 strides \(\) for an array of shape \(10,\)$"),
    ],
)
def test_scale_refuses_slopes(xp, slopes, error, message):
    with pytest.raises(error, match=message):
        scale(make(xp), make(xp), slopes)


def test_scale_refuses_a_gate_of_another_shape(xp):
    with pytest.raises(ValueError, match=r"^gate has shape .+, but values has shape"):
        scale(make(xp), make(xp, [1.0]), 0.5)


def test_scale_refuses_integers(xp):
    with pytest.raises(TypeError, match=r"^values must have one of the dtypes .+, got int32: .+$"):
        scale(xp.ones(3, dtype=xp.int32), xp.ones(3), 0.5)


def test_scale_refuses_an_out_that_overlaps_its_gate(xp):
    memory = xp.ones(5)
    with pytest.raises(ValueError, match=r"^out overlaps gate in part"):
        scale(xp.ones(4), memory[:4], 0.5, out=memory[1:])


def test_a_midpoint_is_cast_once(np):
    x = np.asarray([-1.0], dtype=np.float32)
    assert rrelu(x, 0.1, 0.2)[0] == -np.float32(midpoint(0.1, 0.2))


# Versions of the standard


@pytest.fixture(params=["2021.12", "2022.12", "2023.12", "2024.12"])
def strict(request):
    """array-api-strict as it was for a version of the standard; the first two know no DLPack of versions."""
    strict = pytest.importorskip("array_api_strict")
    with strict.ArrayAPIStrictFlags(api_version=request.param):
        yield strict


@pytest.mark.filterwarnings("ignore:The 2021.12 version")
@pytest.mark.parametrize("training", [False, True])
def test_every_version_of_the_standard(strict, training):
    x = make(strict)
    wanted = floats(rrelu(x, training=training, rng=42))
    out = make(strict)
    assert rrelu(x, training=training, rng=42, out=out) is out
    assert same(floats(out), wanted)
    y, pullback = rrelu_vjp(x, training=training, rng=42, inplace=True)
    assert y is x
    assert same(floats(x), wanted)
    g = strict.ones(len(VALUES), dtype=strict.float64)
    assert pullback(g, out=g) is g
    with pytest.raises(ValueError, match=r"^out overlaps x in part"):
        rrelu(x[1:], out=x[:-1])


# The cost of a call


def own_files(function):
    """Return the file of each of the packages' Python functions that a call runs, after two calls that load what it needs."""
    files = []

    def profile(frame, event, _):
        if event == "call" and frame.f_globals.get("__name__", "").startswith("multirrelu"):
            files.append(frame.f_code.co_filename)

    function(), function()
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return files


def test_own_calls_of_a_warm_call_on_numpy(np):
    pytest.importorskip("numba")
    x = -np.ones(1, dtype="float32")
    files = own_files(lambda: rrelu(x, training=True, rng=1))
    assert 5 < len(files) <= 17
    assert len(set(files)) <= 8


def test_own_calls_of_a_warm_call_on_pytorch(torch):
    pytest.importorskip("numba")
    x = -torch.ones(1)
    files = own_files(lambda: rrelu(x, training=True))
    assert 5 < len(files) <= 25
    assert len(set(files)) <= 10
