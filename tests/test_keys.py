"""From ``rng`` to a key: every row of the table, and what is refused."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from multirrelu import Backend, RReLU, agnostic, backend_for, draw_slopes, register, rrelu, rrelu_vjp
from multirrelu.keys import accepted, own_key, source_of, stateful


def kind_of(rng):
    """Name a test by the type of what it tries: an object's own text has its address, which differs between parallel processes."""
    return type(rng).__name__


class Closed:
    """An object whose every attribute and text raises."""

    shape = dtype = property(lambda self: 1 / 0)

    def __repr__(self):
        raise RuntimeError


NO_RNG = [
    True,
    False,
    0.5,
    "seed",
    b"seed",
    bytearray(b"seed"),
    memoryview(b"seed"),
    object(),
    1j,
    {"a": 1},
    {1, 2},
    int,
    Fraction(3),
    Closed(),
]


def refused(rng, named=None):
    """Demand the one error, in one line, with what the libraries that are imported accept, and without a whole repr."""
    named = named or rf"(an? |.* of type |the class ){type(rng).__name__.rstrip('_') if rng is not int else 'int'}.*"
    return pytest.raises(TypeError, match=rf"^rng must be an int in \[0, 2\*\*64\), a 0-d integer array(, .+)?, or None; got {named}$")


@pytest.mark.parametrize("rng", [0, 42, 2**32, 2**63, 2**64 - 1])
def test_an_int_is_the_key(rng):
    source = source_of(rng)
    assert [source(), source()] == [rng, rng]


def test_what_counts_as_an_int_is_the_key():
    """As in Python itself; of libraries' objects only what is an array."""

    class Seven:
        def __index__(self) -> int:
            return 7

    assert source_of(Seven())() == 7


@pytest.mark.parametrize("rng", [-1, 2**64, 10**30])
def test_an_int_out_of_range(rng):
    with pytest.raises(ValueError, match=rf"^an integer rng or key must lie in \[0, 2\*\*64\), got {rng} of type int$"):
        source_of(rng)


def test_none_has_no_source():
    assert source_of(None) is None


@pytest.mark.parametrize("rng", NO_RNG, ids=kind_of)
def test_what_gives_no_key(rng):
    with refused(rng):
        source_of(rng)


@pytest.mark.parametrize("rng", [object(), [1, 2]], ids=kind_of)
def test_what_gives_no_key_without_numpy(rng, monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
    with refused(rng):
        source_of(rng)


# NumPy


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64"])
def test_a_numpy_integer_is_the_key(np, kind):
    key = source_of(getattr(np, kind)(7))()
    assert (key, type(key)) == (7, int)


def test_the_greatest_numpy_integer_is_the_key(np):
    assert source_of(np.uint64(2**64 - 1))() == 2**64 - 1


def test_a_negative_numpy_integer_is_out_of_range(np):
    with pytest.raises(ValueError, match=r"must lie in \[0, 2\*\*64\), got -1 of type int$"):
        source_of(np.int64(-1))


def test_a_numpy_generator_gives_its_64_bits_and_advances(np):
    source, twin = source_of(np.random.default_rng(3)), np.random.default_rng(3)
    assert [source(), source()] == [int(twin.integers(0, 2**64, dtype=np.uint64)) for _ in range(2)]


def test_nothing_is_drawn_before_the_source_is_asked(np):
    rng = np.random.default_rng(3)
    source_of(rng)
    assert rng.random() == np.random.default_rng(3).random()


@pytest.mark.parametrize("kind", ["SeedSequence", "PCG64", "MT19937"])
def test_what_default_rng_accepts(np, kind):
    key = source_of(getattr(np.random, kind)(5))()
    wanted = np.random.default_rng(getattr(np.random, kind)(5)).integers(0, 2**64, dtype=np.uint64)
    assert (key, type(key)) == (int(wanted), int)


@pytest.mark.parametrize("rng", [[1, 2, 3], (4, 5)], ids=repr)
def test_a_sequence_of_integers_is_a_seed_of_default_rng(np, rng):
    assert source_of(rng)() == int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))


def test_an_array_of_integers_is_a_seed_of_default_rng(np):
    assert source_of(np.asarray([1, 2]))() == int(np.random.default_rng([1, 2]).integers(0, 2**64, dtype=np.uint64))


def test_a_legacy_random_state_is_a_seed_of_default_rng(np):
    if tuple(map(int, np.__version__.split(".")[:2])) < (2, 2):
        pytest.skip("default_rng of NumPy before 2.2 does not accept it")
    key = source_of(np.random.RandomState(5))()
    assert key == int(np.random.default_rng(np.random.RandomState(5)).integers(0, 2**64, dtype=np.uint64))


@pytest.mark.parametrize("rng", [[], (), range(0), range(3), [2**70], [0] * 1000], ids=lambda rng: f"{type(rng).__name__} of {len(rng)}")
def test_sequences_of_any_length_and_size(np, rng):
    assert source_of(rng)() == int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))


def itself():
    rng = []
    rng.append(rng)
    return rng


@pytest.mark.parametrize(
    "rng",
    [[0.5], [-1], [True], ["a"], [None], [[1, 2]], [b"a"], (1, 2.0), [1, itself()], itself(), [object()], [Closed()]],
    ids=[*"0123456789", "object", "closed"],
)
def test_sequences_that_are_no_seed(np, rng):
    """A list that contains itself would end the process in `default_rng`."""
    with pytest.raises(TypeError, match=r"^a seed is a sequence of non-negative integers, got a (list|tuple)$"):
        source_of(rng)


@pytest.mark.parametrize("values", [[0.5], [-1], [True], [], ["a"], [b"a"], [None], [1j]], ids=repr)
def test_numpy_arrays_that_are_no_seed(np, values):
    with pytest.raises(
        TypeError, match=r"^a seed is a sequence of non-negative integers, got an ndarray of numpy of shape \(\d,\) and dtype"
    ):
        source_of(np.asarray(values))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("make", ["matrix", "matrix of one", "two axes", "three axes", "no axes", "record"])
def test_numpy_arrays_that_are_neither_seed_nor_key(np, make):
    """A matrix stays one, however often it is indexed, and would end the process in `default_rng`."""
    rng = {
        "matrix": lambda: np.asmatrix([[5, 6]]),
        "matrix of one": lambda: np.asmatrix([[5]]),
        "two axes": lambda: np.ones((1, 3), dtype=int),
        "three axes": lambda: np.ones((1, 1, 1), dtype=int),
        "no axes": lambda: np.asarray(0.5),
        "record": lambda: np.zeros((), dtype=[("a", int)]),
    }[make]()
    with refused(rng):
        source_of(rng)


@pytest.mark.parametrize("kind", ["float64", "bool_", "str_", "bytes_", "timedelta64", "void", "complex64"])
def test_numpy_scalars_that_are_no_seed(np, kind):
    rng = getattr(np, kind)(b"ab" if kind == "bytes_" else 1)
    with refused(rng):
        source_of(rng)


@pytest.mark.parametrize(("dtype", "value"), [("int64", 7), ("uint8", 7), ("uint64", 2**64 - 1), ("int64", -1), ("int8", -3)])
def test_a_0d_array_is_the_key_modulo_64_bits(xp, dtype, value):
    if not hasattr(xp, dtype):
        pytest.skip(f"{xp.__name__} has no {dtype}")
    rng, x = xp.asarray(value, dtype=getattr(xp, dtype)), -xp.ones(7)
    assert bool(xp.all(rrelu(x, training=True, rng=rng) == rrelu(x, training=True, rng=value % 2**64)))
    assert bool(xp.all(draw_slopes(x, rng=rng) == draw_slopes(x, rng=value % 2**64)))


@pytest.mark.parametrize("dtype", ["float32", "bool"])
@pytest.mark.parametrize("training", [False, True])
def test_0d_arrays_that_are_no_integers(xp, dtype, training):
    with refused("", r".+ of shape \(\) and dtype .+"):
        rrelu(xp.ones(3), training=training, rng=xp.ones((), dtype=getattr(xp, dtype)))


@pytest.mark.parametrize(("of", "to"), [("jax.numpy", "numpy"), ("array_api_strict", "numpy"), ("dask.array", "numpy"), ("torch", "numpy")])
@pytest.mark.parametrize("back", [False, True])
def test_a_0d_array_is_a_key_for_another_library(of, to, back):
    """The way to equal slopes that need not come by the host's integers."""
    of, to = (pytest.importorskip(name) for name in ((to, of) if back else (of, to)))
    x = -to.ones(7)
    assert [float(y) for y in rrelu(x, training=True, rng=of.asarray(2**31 - 7, dtype=of.int32))] == [
        float(y) for y in rrelu(x, training=True, rng=2**31 - 7)
    ]


# PyTorch


def test_a_torch_generator_gives_a_tensor_and_advances(torch):
    source = source_of(torch.Generator().manual_seed(3))
    twin = torch.Generator().manual_seed(3)
    for _ in range(2):
        key = source()
        assert (key.dtype, key.shape, key.device) == (torch.int64, (), torch.device("cpu"))
        assert int(key) == int(torch.randint(-(2**63), 2**63 - 1, (), dtype=torch.int64, generator=twin))


def test_a_0d_tensor_is_the_key(torch):
    for value in (3, -1, -(2**63)):
        key = source_of(torch.tensor(value))()
        assert int(own_key(key, backend_for(key))) % 2**64 == value % 2**64


@pytest.mark.parametrize("make", ["float", "bool", "several", "matrix"])
def test_tensors_that_are_no_key(torch, make):
    rng = {
        "float": lambda: torch.tensor(3.0),
        "bool": lambda: torch.tensor(True),
        "several": lambda: torch.tensor([3, 4]),
        "matrix": lambda: torch.tensor([[3]]),
    }[make]()
    with refused(rng):
        source_of(rng)


def test_no_rng_on_torch_is_the_global_generator(torch):
    torch.manual_seed(11)
    x = torch.zeros(3)
    key = backend_for(x).default_key(x)
    torch.manual_seed(11)
    assert key == int(torch.randint(-(2**63), 2**63 - 1, (), dtype=torch.int64)) % 2**64


def test_every_mode_of_torch_draws_the_same_keys(torch, monkeypatch):
    from multirrelu_backends.torch import keys

    monkeypatch.setattr(keys, "_spare", [])
    x = torch.zeros(3)
    found = []
    for mode in (torch.inference_mode(), torch.no_grad(), torch.enable_grad()):
        torch.manual_seed(11)
        with mode:
            found.append([backend_for(x).default_key(x) for _ in range(3)])
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 3


def test_manual_seed_rules_training(torch):
    x = -torch.ones(9)
    torch.manual_seed(11)
    first, second = rrelu(x, training=True), rrelu(x, training=True)
    torch.manual_seed(11)
    assert torch.equal(rrelu(x, training=True), first)
    assert not torch.equal(first, second)


# The operating system


@pytest.mark.parametrize("library", ["numpy", "dask.array", "array_api_strict"])
def test_no_rng_elsewhere_is_entropy_of_the_system(library, monkeypatch):
    x = -pytest.importorskip(library).ones(3)
    monkeypatch.setattr(os, "urandom", lambda count: bytes(range(1, count + 1)))
    assert list(map(float, rrelu(x, training=True))) == list(map(float, rrelu(x, training=True, rng=0x0807060504030201)))


def test_the_global_generator_of_a_record(registry, xp):
    """It is asked with the array, once a training call, and in training only."""
    asked = []
    backend = Backend(scale=agnostic.scale, namespace=xp, default_key=lambda x: asked.append(x) or 42)
    register(xp.__name__.removeprefix("array_api_compat."), backend)
    x = -xp.ones(5)
    assert rrelu(x) is not None
    assert asked == []
    assert bool(xp.all(rrelu(x, training=True) == rrelu(x, training=True, rng=42)))
    assert len(asked) == 1
    assert asked[0] is x


def test_no_rng_differs_from_call_to_call(np):
    x = -np.ones(9)
    assert not np.array_equal(rrelu(x, training=True), rrelu(x, training=True))


# CuPy, with what its generators are asked on a machine without a GPU


class Random:
    """A device's arrays are NumPy's, and its generators note what they are asked for."""

    def __init__(self, np):
        self.asked, self.np, self.device = [], np, None

    def draw(self, low, high, *, size, dtype):
        self.asked.append((low, high, size, dtype, self.device))
        return self.np.array([0x89ABCDEF, 0x01234567], dtype=dtype)


@pytest.fixture
def cupy(np, monkeypatch):
    """CuPy's names for random numbers, in the eyes of its backend."""
    pytest.importorskip("cupy")
    from multirrelu_backends import cupy as backend

    log = Random(np)

    class Device:
        def __init__(self, number):
            self.number = number

        def __enter__(self):
            log.device = self.number

        def __exit__(self, *_):
            log.device = None

    class Generator:
        integers = staticmethod(log.draw)
        bit_generator = SimpleNamespace(_current_device_id=3)

    class RandomState:
        randint = staticmethod(log.draw)

    Generator.__module__, RandomState.__module__ = "cupy.random._generator_api", "cupy.random._generator"
    random = SimpleNamespace(Generator=Generator, RandomState=RandomState, get_random_state=RandomState, log=log, Device=Device)
    monkeypatch.setattr(backend, "cupy", SimpleNamespace(random=random, cuda=SimpleNamespace(Device=Device)))
    return random


@pytest.mark.parametrize(("kind", "device"), [("Generator", 3), ("RandomState", None)])
def test_a_cupy_generator_gives_two_words_as_an_array_where_it_lives(cupy, np, kind, device):
    source = source_of(getattr(cupy, kind)())
    assert cupy.log.asked == []
    key = source()
    assert cupy.log.asked == [(0, 2**32, 2, "uint32", device)]
    assert (int(key), key.dtype, key.shape) == (0x0123456789ABCDEF, np.uint64, ())
    source()
    assert len(cupy.log.asked) == 2


def test_no_rng_on_cupy_is_the_generator_of_the_arrays_device(cupy):
    from multirrelu_backends.cupy import default_key

    assert int(default_key(SimpleNamespace(device=cupy.Device(3)))) == 0x0123456789ABCDEF
    assert cupy.log.asked == [(0, 2**32, 2, "uint32", 3)]


def test_what_else_cupy_has_gives_no_key(cupy):
    class Thing:
        pass

    Thing.__module__ = "cupy.random._bit_generator"
    rng = Thing()
    with refused(rng):
        source_of(rng)


def test_the_real_cupy_has_these_names(monkeypatch):
    cupy = pytest.importorskip("cupy")
    for kind, draw in ((cupy.random.Generator, "integers"), (cupy.random.RandomState, "randint")):
        assert kind.__module__.startswith("cupy.")
        assert callable(getattr(kind, draw))
    assert callable(cupy.random.get_random_state)
    monkeypatch.setattr(cupy.cuda, "get_device_id", lambda: 3)
    assert cupy.random.BitGenerator(1)._current_device_id == 3


# JAX


@pytest.fixture
def jax():
    return pytest.importorskip("jax")


def test_jax_has_no_global_generator(jax):
    x = jax.numpy.ones(3)
    with pytest.raises(TypeError, match=r"^JAX has no global generator: pass rng=jax\.random\.key\(seed\), or an int$"):
        rrelu(x, training=True)


@given(high=st.integers(0, 2**32 - 1), low=st.integers(0, 2**32 - 1))
def test_two_words_are_the_key_high_word_first(high, low):
    assert key_of([high, low]) == high * 2**32 + low


@given(words=st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4))
def test_four_words_are_one_block_of_the_stream(words):
    first, second, _, _ = oracle.philox(words, [0, 0])
    assert key_of(words) == first * 2**32 + second


def key_of(words):
    pytest.importorskip("jax")
    from multirrelu_backends.jax.keys import key_of

    return key_of(words)


def bits(key):
    """The 64 bits of a key that is an array of JAX."""
    assert (str(key.dtype), key.shape) == ("int64", ())
    return int(key) % 2**64


def test_a_jax_key_means_its_seed(jax):
    assert bits(source_of(jax.random.key(42))()) == 42
    assert bits(source_of(jax.random.PRNGKey(42))()) == 42


def test_a_split_jax_key_is_its_two_words(jax):
    for rng in jax.random.split(jax.random.key(1), 8):
        high, low = (int(word) for word in jax.random.key_data(rng))
        assert bits(source_of(rng)()) == high * 2**32 + low
        assert high > 0


def test_all_64_bits_of_a_jax_key(jax, np):
    for key in (2**31, 2**32 - 1, 2**63, 2**64 - 1):
        rng = jax.random.wrap_key_data(np.array([key >> 32, key % 2**32], dtype=np.uint32))
        assert bits(source_of(rng)()) == key


@pytest.mark.parametrize("wide", [False, True])
def test_a_wide_jax_key_is_one_block(jax, wide):
    rng = jax.random.key(42, impl="rbg")
    first, second, _, _ = oracle.philox([int(word) for word in jax.random.key_data(rng)], [0, 0])
    with jax.enable_x64(wide):
        assert bits(source_of(rng)()) == first * 2**32 + second


def test_a_jax_key_is_read_for_another_library(jax, np):
    rng = jax.random.wrap_key_data(np.array([2**31, 5], dtype=np.uint32))
    key = own_key(source_of(rng)(), backend_for(np.ones(1)))
    assert (key, type(key)) == (2**63 + 5, int)
    np.testing.assert_array_equal(rrelu(-np.ones(9), training=True, rng=rng), rrelu(-np.ones(9), training=True, rng=key))


def test_a_jax_key_stays_where_it_is_for_jax(jax):
    key = source_of(jax.random.key(1))()
    assert own_key(key, backend_for(jax.numpy.ones(1))) is key


def test_a_torch_generator_is_read_for_another_library(torch, np):
    key = own_key(source_of(torch.Generator().manual_seed(3))(), backend_for(np.ones(1)))
    assert (key, type(key)) == (int(source_of(torch.Generator().manual_seed(3))()) % 2**64, int)


def test_a_key_that_is_no_index_is_read_for_another_library(registry, np):
    """An array of CuPy's has no `__index__`."""

    class Key:
        shape, dtype = (), "int64"

        def __int__(self):
            return -1

    register("somelib", Backend(scale=agnostic.scale, namespace=np))
    Key.__module__ = "somelib"
    assert own_key(Key(), backend_for(np.ones(1))) == 2**64 - 1


def test_a_jax_key_is_read_only_when_asked_for(jax):
    """In evaluation its words are not touched."""
    jaxpr = jax.make_jaxpr(lambda x, rng: rrelu(x, rng=rng))(jax.numpy.ones(3), jax.random.key(1))
    assert "random_unwrap" not in str(jaxpr)


@pytest.mark.parametrize("make", ["many keys", "legacy keys", "floats", "no array", "uint32[2, 2]"])
def test_jax_arrays_that_are_no_key(jax, make):
    rng = {
        "many keys": lambda: jax.random.split(jax.random.key(1), 2),
        "legacy keys": lambda: jax.random.split(jax.random.PRNGKey(1), 2),
        "floats": lambda: jax.numpy.zeros(2),
        "no array": lambda: jax.ShapeDtypeStruct((2,), "uint32"),
        "uint32[2, 2]": lambda: jax.numpy.zeros((2, 2), dtype="uint32"),
    }[make]()
    with refused(rng):
        source_of(rng)


# One key a call


@pytest.mark.parametrize("bounds", [(0.1, 0.3), (0.2, 0.2)], ids=["bounds apart", "bounds equal"])
@pytest.mark.parametrize("size", [0, 1, 1000])
def test_every_training_call_takes_one_key(np, bounds, size):
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    rrelu(np.ones(size), *bounds, training=True, rng=rng)
    twin.integers(0, 2**64, dtype=np.uint64)
    assert rng.random() == twin.random()


def test_evaluation_takes_none(np):
    rng = np.random.default_rng(3)
    rrelu(np.ones(5), rng=rng)
    assert rng.random() == np.random.default_rng(3).random()


@pytest.mark.parametrize("wrong", [{"lower": 2.0}, {"shared_axes": 5}, {"lower": "a"}], ids=repr)
def test_a_call_that_fails_takes_none(np, wrong):
    rng = np.random.default_rng(3)
    with pytest.raises((TypeError, ValueError), match=r"lower|shared axis"):
        rrelu(np.ones(5), training=True, rng=rng, **wrong)
    assert rng.random() == np.random.default_rng(3).random()


@pytest.mark.parametrize("rng", NO_RNG, ids=kind_of)
@pytest.mark.parametrize("training", [False, True])
def test_the_public_functions_refuse_it_in_both_modes(np, rng, training):
    with refused(rng):
        rrelu(np.ones(3), training=training, rng=rng)


def test_the_layer_refuses_it_at_once():
    with refused(0.5):
        RReLU(rng=0.5)


def test_a_traced_key_for_an_array_of_another_library(jax, np):
    with pytest.raises(
        TypeError,
        match=r"^a traced key cannot be read for an array of another library, got an? .+ of shape \(\) and dtype int64 of jax\.numpy",
    ):
        jax.jit(lambda key: rrelu(np.ones(3), training=True, rng=key))(jax.random.key(1))


# What is asked, and of whom


class Wheel:
    """A generator of somebody's, whose state advances."""

    def __init__(self):
        self.turns = 0

    def key(self):
        self.turns += 1
        return self.turns


Wheel.__module__ = "somelib.random"


@pytest.fixture
def somelib(registry, monkeypatch):
    """A library whose record knows its generators."""
    source = lambda rng: rng.key if isinstance(rng, Wheel) else None  # noqa: E731
    register("somelib", Backend(scale=agnostic.scale, source=source, accepts="a Wheel"))
    monkeypatch.setitem(sys.modules, "somelib", SimpleNamespace())


def test_a_generator_is_that_of_the_library_that_its_type_is_of(somelib, xp):
    """For arrays of any library."""
    rng, x = Wheel(), -xp.ones(5)
    for turn in (1, 2):
        assert bool(xp.all(rrelu(x, training=True, rng=rng) == rrelu(x, training=True, rng=turn)))
    rrelu(x, rng=rng)
    assert rng.turns == 2


def test_what_its_library_does_not_know_is_refused(somelib):
    other = type("Thing", (), {"__module__": "somelib.random"})()
    with refused(other):
        source_of(other)


def test_the_error_names_what_libraries_accept_that_are_imported(somelib, np, monkeypatch):
    assert ", a Wheel, " in accepted() + ", "
    assert "a numpy.random.Generator, BitGenerator, RandomState or SeedSequence, a sequence of ints" in accepted()
    monkeypatch.delitem(sys.modules, "somelib")
    assert "Wheel" not in accepted()
    for name, text in (("torch", "a torch.Generator"), ("jax.numpy", "a JAX key"), ("cupy", "a cupy.random.Generator or RandomState")):
        assert (text in accepted()) == (name in sys.modules)


def test_what_a_check_is_told_of_the_generator(registry, xp):
    """Only a generator has a state that the call would advance, and only in training."""
    told = []

    def check(values, gate, out, *, drawn, stateful):
        told.append((drawn, stateful))

    x, np = xp.ones(3), pytest.importorskip("numpy")
    register(xp.__name__.removeprefix("array_api_compat."), replace(backend_for(x), check=check))
    rng = np.random.default_rng(1)
    for passed, seen in ((rng, rng), (None, None), (3, None), (np.int64(3), None), ([1, 2], None), (np.random.SeedSequence(1), None)):
        told.clear()
        rrelu(x, training=True, rng=passed)
        rrelu(x, rng=passed)
        assert told == [(True, seen), (False, None)]


@pytest.mark.parametrize(
    ("rng", "has"), [(None, False), (3, False), ([1], False), (range(3), False), (object(), True), (Closed(), False)], ids=kind_of
)
def test_what_has_a_state(rng, has):
    assert (stateful(rng) is rng and rng is not None) is has


def test_a_torch_generator_has_a_state(torch):
    rng = torch.Generator()
    assert stateful(rng) is rng
    assert stateful(torch.tensor(3)) is None


@pytest.mark.parametrize("function", [rrelu, rrelu_vjp, draw_slopes])
def test_a_refusal_takes_no_time(np, function):
    """However long it takes to write the object out."""

    class Slow:
        def __repr__(self):
            time.sleep(9)
            return "slow"

    began = time.perf_counter()
    options = {} if function is draw_slopes else {"training": True}
    for rng in (Slow(), {"a": Slow()}, np.zeros((999, 999)), "a" * 10**7):
        with refused(rng):
            function(np.ones(3), rng=rng, **options)
    assert time.perf_counter() - began < 2
