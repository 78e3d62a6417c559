"""Keys, integers and flags that a caller passes, and what an error says of a value."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from multirrelu import RReLU, rrelu, rrelu_vjp
from multirrelu.scalars import check_flag, check_integer, check_key, shown

# Keys and integers


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
def test_keys_are_64_bits(key):
    assert check_key(key) == key


@pytest.mark.parametrize("key", [-1, 2**64, -(2**64), 10**30])
def test_key_out_of_range(key):
    with pytest.raises(ValueError, match=rf"^an integer rng or key must lie in \[0, 2\*\*64\), got {key} of type int$"):
        check_key(key)


def test_key_that_has_more_digits_than_python_writes():
    with pytest.raises(ValueError, match=r"^an integer rng or key must lie in \[0, 2\*\*64\), got an int of 16610 bits$"):
        check_key(10**5000)


@pytest.mark.parametrize("key", [False, 1.0, "1", None])
def test_key_of_a_wrong_type(key):
    with pytest.raises(TypeError, match=rf"^a key must be an integer, got {key!r} of type {type(key).__name__}$"):
        check_key(key)


def test_integers_come_back_as_ints(np):
    for value in (3, np.int8(3), np.asarray(3)):
        assert (type(check_integer("a stride", value)), check_integer("a stride", value)) == (int, 3)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1]], ids=repr)
def test_what_is_no_integer(value):
    with pytest.raises(TypeError, match=r"^a stride must be an integer, got .+$"):
        check_integer("a stride", value)


@pytest.mark.parametrize("kind", ["bool_", "float32"])
def test_numpy_scalars_that_are_no_integers(np, kind):
    with pytest.raises(TypeError, match=rf"^offset must be an integer, got an? {kind.rstrip('_')}_? of numpy"):
        check_integer("offset", getattr(np, kind)(1))


# Flags


@pytest.mark.parametrize(("value", "flag"), [(True, True), (False, False), (1, True), (0, False)], ids=repr)
def test_flags(value, flag):
    assert check_flag("training", value) is flag


@pytest.mark.parametrize("value", [True, False])
def test_numpy_bools_are_flags(np, value):
    assert check_flag("training", np.bool_(value)) is value


@pytest.mark.parametrize("value", ["yes", "", 2, -1, 1.0, 0.0, None, [], [True]], ids=repr)
@pytest.mark.parametrize("flag", ["training", "inplace"])
def test_what_is_no_flag(xp, flag, value):
    x = xp.asarray([-1.0, 2.0])
    for function in (rrelu, rrelu_vjp):
        with pytest.raises(TypeError, match=rf"^{flag} must be True or False, got .+$"):
            function(x, **{flag: value})
    assert x[0] == -1


@pytest.mark.parametrize("flag", ["training", "inplace"])
@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_arrays_are_no_flags(xp, flag, shape):
    with pytest.raises(TypeError, match=rf"^{flag} must be True or False, got an? .+ of shape \("):
        rrelu(xp.ones(3), **{flag: xp.ones(shape, dtype=xp.bool)})


@pytest.mark.parametrize("flag", ["training", "inplace"])
def test_numpy_integers_are_no_flags(np, flag):
    with pytest.raises(TypeError, match=rf"^{flag} must be True or False, got an int64 of numpy of shape \(\) and dtype int64$"):
        rrelu(np.ones(3), **{flag: np.int64(1)})


@pytest.mark.parametrize("training", [1, True])
def test_one_is_training(xp, training):
    x = -xp.ones(5)
    assert bool(xp.all(rrelu(x, training=training, rng=3) == rrelu(x, training=True, rng=3)))
    assert not bool(xp.all(rrelu(x, training=training, rng=3) == rrelu(x, training=0)))


@pytest.mark.parametrize("flag", ["training", "inplace"])
def test_traced_flags(flag):
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match=rf"^{flag} must be True or False, got .+Tracer of jax of shape \(\) and dtype bool"):
        jax.jit(lambda x, on: rrelu(x, rng=1, **{flag: on}))(jax.numpy.ones(3), True)


def test_the_mode_of_the_layer_is_a_flag(xp):
    act = RReLU()
    act.training = "no"
    with pytest.raises(TypeError, match=r"^training must be True or False, got 'no' of type str$"):
        act(xp.ones(3))


# What an error says


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None of type NoneType"),
        (True, "True of type bool"),
        (-5, "-5 of type int"),
        (2**70, "1180591620717411303424 of type int"),
        (1.5, "1.5 of type float"),
        (math.nan, "nan of type float"),
        (1j, "1j of type complex"),
        ("a", "'a' of type str"),
        (b"a", "b'a' of type bytes"),
        ([1.0], "a list"),
        ((1, 2), "a tuple"),
        ({"a": 1}, "a dict"),
        (object(), "an object"),
        (int, "the class int"),
        (Path, "the class Path of pathlib"),
        (math, "a module"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_values_are_written_and_others_named(value, text):
    assert shown(value) == text


@pytest.mark.parametrize("value", ["a" * 10**6, b"a" * 10**6, "\n" * 99, [0] * 10**6, 10**10**5], ids=lambda value: type(value).__name__)
def test_a_value_takes_little_of_a_line(value):
    assert len(shown(value)) < 100
    assert "\n" not in shown(value)


def test_arrays_are_named_by_library_shape_and_dtype(xp):
    library = type(xp.ones(1)).__module__.partition(".")[0]
    assert shown(xp.ones((2, 3), dtype=xp.float32)).endswith(
        f" of {library} of shape (2, 3) and dtype {xp.ones(1, dtype=xp.float32).dtype}"
    )


class Rude:
    """An object that cannot be written, takes its time, or is not what it says."""

    def __init__(self, **has):
        vars(self).update(has)

    def __repr__(self) -> str:
        raise RuntimeError("no repr of me")

    __str__ = __repr__


class Nameless:
    shape, dtype = (), "float32"


Nameless.__module__ = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Rude(), "a Rude"),
        (Rude(shape=5, dtype="x"), "a Rude"),
        (Rude(shape=("a",), dtype="x"), "a Rude"),
        (Rude(shape=(3,), dtype=Rude()), "a Rude"),
        (Nameless(), "a Nameless of shape () and dtype float32"),
    ],
    ids=["no repr", "shape no sequence", "shape of text", "dtype without text", "no module"],
)
def test_objects_that_cannot_be_looked_at(value, text):
    named = shown(value)
    assert named.replace(f" of {__name__.partition('.')[0]}", "") == text


@pytest.mark.parametrize("where", ["x", "rng", "lower", "training", "out", "shared_axes"])
def test_no_repr_is_made_for_an_error(xp, where):
    """A repr of somebody's may raise, take minutes, or fill the log."""
    arguments = {"x": xp.ones(3), where: Rude()}
    with pytest.raises(TypeError, match="a Rude of test") as error:
        rrelu(arguments.pop("x"), **arguments)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_errors_about_large_arrays_take_no_time(np):
    began = time.perf_counter()
    with pytest.raises(TypeError, match=r"got int64: pass x\.astype\('float32'\)$"):
        rrelu(np.zeros((1000, 1000), dtype=np.int64))
    with pytest.raises(TypeError, match="got an ndarray of numpy of shape"):
        rrelu(np.ones(1), rng=np.zeros((1000, 1000)))
    with pytest.raises(TypeError, match="got a list"):
        rrelu([0.0] * 10**6)
    assert time.perf_counter() - began < 0.5
