"""The contract: `Slopes` holds only what is right, and a `Backend` is one record, with one signature."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
import pickle
from fractions import Fraction
from types import SimpleNamespace

import pytest

from multirrelu import Backend, Slopes, agnostic, rrelu, scale
from multirrelu._registry import known_names, record_named
from multirrelu.bounds import lattice
from multirrelu.contract import output_tells, row_major

# Slopes


def test_slopes_normalise_their_fields():
    class Three:
        def __index__(self) -> int:
            return 3

    slopes = Slopes(0, Fraction(1, 2), Three(), offset=-1, strides=[Three(), -(2**70)])
    assert slopes == Slopes(0.0, 0.5, 3, 2**64 - 1, (3, -(2**70)))
    assert [type(field) for field in dataclasses.astuple(slopes)[:5]] == [float, float, int, int, tuple]


def test_slopes_are_values():
    one, other = Slopes(0.1, 0.3, 7), Slopes(0.1, 0.3, 7)
    assert one == other
    assert hash(one) == hash(other)
    assert one != Slopes(0.1, 0.3, 8)
    assert repr(one) == "Slopes(lower=0.1, upper=0.3, key=7, offset=0, strides=None)"


def test_slopes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="key"):
        Slopes(0.1, 0.3, 7).key = 8


def test_slopes_have_the_lattice_of_their_bounds():
    assert Slopes(0.1, 0.3, 7).lattice == lattice(0.1, 0.3)
    assert dataclasses.replace(Slopes(0.1, 0.3, 7), upper=0.2).lattice == lattice(0.1, 0.2)
    assert Slopes(0.3, 0.3, 7).lattice is None


def test_slopes_keep_a_key_array(xp):
    key = xp.asarray(5, dtype=xp.int64)
    assert Slopes(0.1, 0.3, key).key is key


def test_slopes_refuse_a_key_of_many_elements(xp):
    with pytest.raises(ValueError, match=r"^a key must be a 0-d array, got an? .+ of shape \(2,\) and dtype"):
        Slopes(0.1, 0.3, xp.asarray([1, 2], dtype=xp.int64))


@pytest.mark.parametrize("dtype", ["float64", "bool"])
def test_slopes_refuse_a_key_array_of_no_integers(xp, dtype):
    with pytest.raises(TypeError, match=rf"^a key must be an integer, got an? .+ of shape \(\) and dtype .*{dtype}$"):
        Slopes(0.1, 0.3, xp.asarray(1, dtype=getattr(xp, dtype)))


def test_slopes_take_a_numpy_scalar_as_the_integer_it_is(np):
    assert type(Slopes(0.1, 0.3, np.uint64(2**64 - 1)).key) is int
    with pytest.raises(ValueError, match="got -1 of type int"):
        Slopes(0.1, 0.3, np.int64(-1))


def test_slopes_refuse_what_has_the_attributes_of_an_array(np):
    """A dtype has a shape, and so has a class that describes arrays."""
    for key in (np.dtype("f4"), np.dtype("i8"), np.ndarray, SimpleNamespace(shape=(), dtype="float32")):
        with pytest.raises(TypeError, match=r"^a key must be an integer, got"):
            Slopes(0.1, 0.3, key)


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("lower", "a", TypeError, r"lower must be a real number, got 'a' of type str"),
        ("upper", 0.05, ValueError, r"lower must not exceed upper, got lower=0\.1 and upper=0\.05"),
        ("key", -1, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got -1 of type int"),
        ("key", 2**70, ValueError, rf"an integer rng or key must lie in \[0, 2\*\*64\), got {2**70} of type int"),
        ("key", 1.5, TypeError, r"a key must be an integer, got 1\.5 of type float"),
        ("key", True, TypeError, r"a key must be an integer, got True of type bool"),
        ("offset", 1.5, TypeError, r"offset must be an integer, got 1\.5 of type float"),
        ("offset", True, TypeError, r"offset must be an integer, got True of type bool"),
        ("offset", None, TypeError, r"offset must be an integer, got None of type NoneType"),
        ("strides", (1, "b"), TypeError, r"a stride must be an integer, got 'b' of type str"),
        ("strides", (1.5,), TypeError, r"a stride must be an integer, got 1\.5 of type float"),
        ("strides", (True,), TypeError, r"a stride must be an integer, got True of type bool"),
        ("strides", 5, TypeError, "strides must be a sequence of integers, got 5 of type int"),
        ("strides", {64, 1}, TypeError, "strides must be a sequence of integers, got a set"),
        ("strides", frozenset(), TypeError, "strides must be a sequence of integers, got a frozenset"),
        ("strides", {64: 1}, TypeError, "strides must be a sequence of integers, got a dict"),
        ("strides", "12", TypeError, "strides must be a sequence of integers, got '12' of type str"),
        ("strides", b"12", TypeError, "strides must be a sequence of integers, got b'12' of type bytes"),
    ],
)
def test_slopes_check_every_field(field, value, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Slopes(**{"lower": 0.1, "upper": 0.3, "key": 7, field: value})


@pytest.mark.parametrize("slopes", [Slopes(0.1, 0.3, 7), Slopes(0.1, 0.3, 2**64 - 1, 5, (3, -(2**70))), Slopes(0.3, 0.3, 0)], ids=repr)
@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, *(lambda s, p=p: pickle.loads(pickle.dumps(s, p)) for p in (2, 5))])
def test_slopes_that_travel(slopes, travel):
    arrived = travel(slopes)
    assert arrived == slopes
    assert arrived.lattice == slopes.lattice


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("upper", math.inf, ValueError, r"upper must be finite and within float32, got inf"),
        ("key", 2**70, ValueError, r"an integer rng or key must lie in"),
        ("strides", (1.5,), TypeError, r"a stride must be an integer, got 1\.5"),
        ("offset", "a", TypeError, r"offset must be an integer, got 'a'"),
    ],
)
@pytest.mark.parametrize("form", ["of the constructor", "of the fields"])
def test_slopes_that_arrive_wrong(field, value, error, message, form):
    """A pickle is made by anyone: by a broken process, by hand, or by an older version, whose pickles hold the fields as they are."""
    fields = {"lower": 0.1, "upper": 0.3, "key": 7, "offset": 0, "strides": None, field: value}

    class Forged:
        def __reduce__(self):
            if form == "of the constructor":
                return Slopes, tuple(fields.values())
            return object.__new__, (Slopes,), list(fields.values())

    with pytest.raises(error, match=f"^{message}"):
        pickle.loads(pickle.dumps(Forged()))


def test_slopes_of_an_older_version_arrive():
    class Forged:
        def __reduce__(self):
            return object.__new__, (Slopes,), [0.1, 0.3, 7, 5, (1,)]

    arrived = pickle.loads(pickle.dumps(Forged()))
    assert arrived == Slopes(0.1, 0.3, 7, 5, (1,))
    assert arrived.lattice == lattice(0.1, 0.3)


def test_slopes_of_a_part(np):
    whole = Slopes(0.1, 0.3, 7, offset=9)
    part = whole.part((3, 4), (1, 2))
    assert part == Slopes(0.1, 0.3, 7, 9 + 6, (4, 1))
    assert part.part((2, 2), (1, 1)) == Slopes(0.1, 0.3, 7, 9 + 11, (4, 1))
    x = -np.ones((3, 4))
    assert np.array_equal(scale(x[1:, 2:], x[1:, 2:], part), scale(x, x, whole)[1:, 2:])


def test_slopes_moved_past_the_last_index_begin_again():
    assert Slopes(0.1, 0.3, 7, 2**64 - 1).moved(2, None) == Slopes(0.1, 0.3, 7, 1)
    assert Slopes(0.1, 0.3, 7, 1).moved(-2, (3,)) == Slopes(0.1, 0.3, 7, 2**64 - 1, (3,))


def test_slopes_under_another_key():
    slopes = Slopes(0.1, 0.3, 7, 5, (3,))
    assert slopes.keyed(8) == Slopes(0.1, 0.3, 8, 5, (3,))
    assert slopes.keyed(8).lattice == slopes.lattice


@pytest.mark.parametrize(
    ("strides", "shape", "steps"), [(None, (2, 3, 4), (12, 4, 1)), (None, (), ()), ((0, 5, -1), (2, 3, 4), (0, 5, -1)), ((), (), ())]
)
def test_steps_for_a_shape(strides, shape, steps):
    assert Slopes(0.1, 0.3, 7, 0, strides).steps(shape) == steps


@pytest.mark.parametrize(
    ("slopes", "tells"),
    [(Slopes(0.0, 1.0, 7), True), (Slopes(-0.1, 1.0, 7), False), (0.0, True), (-0.0, True), (-0.5, False), (Slopes(-0.0, 0.1, 7), True)],
    ids=repr,
)
def test_whether_the_output_tells(slopes, tells):
    assert output_tells(slopes) is tells


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


# Backend


def test_a_record_needs_only_scale_and_is_called_as_it():
    calls = []
    backend = Backend(scale=lambda *args, **options: calls.append((args, options)))
    backend(1, 2, 0.5)
    backend(1, 2, 0.5, out=3)
    assert calls == [((1, 2, 0.5), {"out": None}), ((1, 2, 0.5), {"out": 3})]
    others = [field.name for field in dataclasses.fields(Backend) if field.name != "scale"]
    assert {name: getattr(backend, name) for name in others} == {**dict.fromkeys(others), "accepts": ""}


@pytest.mark.parametrize("name", ["scale", "scale_at", "draw", "check", "memory", "source", "default_key", "describe"])
@pytest.mark.parametrize("value", [5, "a function"])
def test_fields_that_must_be_functions(name, value):
    with pytest.raises(TypeError, match=rf"^{name} must be callable, got {value!r} of type "):
        Backend(**{"scale": agnostic.scale, name: value})


def test_scale_is_no_option():
    with pytest.raises(TypeError, match=r"^scale must be callable, got None of type NoneType$"):
        Backend(scale=None)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'scale'"):
        Backend()


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="scale"):
        Backend(scale=agnostic.scale).scale = None


def signature(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.fixture(params=["agnostic", "cupy", "dask.array", "jax.numpy", "numpy", "torch"])
def record(request):
    """Our own records, of the libraries that are installed."""
    if request.param == "agnostic":
        return Backend(scale=agnostic.scale, check=agnostic.check)
    pytest.importorskip(request.param)
    return record_named(request.param)


def test_records_have_the_one_signature(record):
    assert signature(record.scale) == signature(Backend.__call__)[1:]
    if record.check is not None:
        assert [name for name, _, _ in signature(record.check)] == ["values", "gate", "out", "drawn", "stateful"]


def test_records_are_those_that_are_registered():
    import multirrelu_backends

    assert set(multirrelu_backends.NAMES) <= known_names()


def test_rrelu_calls_the_scale_of_the_record(registry, xp):
    backend = Backend(scale=lambda values, gate, slopes, /, *, out=None: "scaled", namespace=xp)
    registry.register(xp.__name__.removeprefix("array_api_compat."), backend)
    assert rrelu(xp.ones(3)) == "scaled"
