"""From ``rng`` to a key: every row of the table, and what is refused."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from multirrelu import RReLU, keys, rrelu
from multirrelu.arrays import namespace_of
from multirrelu.keys import from_words, global_key, own_key, source_of


def kind_of(rng):
    """Name a test by the type of what it tries: an object's own text has its address, which differs between parallel processes."""
    return type(rng).__name__


NO_RNG = [True, False, 0.5, "seed", b"seed", object(), 1j, {"a": 1}]


def refused(rng):
    return pytest.raises(
        TypeError,
        match=r"^rng must be an int in \[0, 2\*\*64\), a numpy\.random\.Generator or a seed that numpy\.random\.default_rng accepts, "
        r"a torch\.Generator, a cupy\.random\.Generator or RandomState, a JAX key, or None; "
        rf"got [\s\S]+ of type {type(rng).__name__}$",
    )


@pytest.mark.parametrize("rng", [0, 42, 2**32, 2**63, 2**64 - 1])
def test_an_int_is_the_key(rng):
    source = source_of(rng)
    assert [source(), source()] == [rng, rng]


def test_what_counts_as_an_int_is_the_key():
    class Seven:
        def __index__(self) -> int:
            return 7

    assert source_of(Seven())() == 7


@pytest.mark.parametrize("rng", [-1, 2**64, 10**40])
def test_an_int_out_of_range(rng):
    with pytest.raises(ValueError, match=rf"^an integer rng or key must lie in \[0, 2\*\*64\), got {rng}$"):
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
    with pytest.raises(ValueError, match=r"must lie in \[0, 2\*\*64\), got -1$"):
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


@pytest.mark.parametrize("values", [[0.5], [-1], [True]], ids=repr)
def test_numpy_arrays_that_are_no_seed(np, values):
    rng = np.asarray(values)
    with refused(rng):
        source_of(rng)


@pytest.mark.parametrize("kind", ["float64", "bool_", "str_"])
def test_numpy_scalars_that_are_no_seed(np, kind):
    rng = getattr(np, kind)(1)
    with refused(rng):
        source_of(rng)


# PyTorch


def test_a_torch_generator_gives_a_tensor_and_advances(torch):
    source = source_of(torch.Generator().manual_seed(3))
    twin = torch.Generator().manual_seed(3)
    for _ in range(2):
        key = source()
        assert (key.dtype, key.shape, key.device) == (torch.int64, (), torch.device("cpu"))
        assert int(key) == int(torch.randint(-(2**63), 2**63 - 1, (), dtype=torch.int64, generator=twin))


def test_a_torch_tensor_is_no_rng(torch):
    rng = torch.tensor(3)
    with refused(rng):
        source_of(rng)


def test_no_rng_on_torch_is_the_global_generator(torch):
    torch.manual_seed(11)
    key = global_key("torch", torch.zeros(3))
    torch.manual_seed(11)
    assert int(key) == int(torch.randint(-(2**63), 2**63 - 1, (), dtype=torch.int64))


def test_manual_seed_rules_training(torch):
    x = -torch.ones(9)
    torch.manual_seed(11)
    first, second = rrelu(x, training=True), rrelu(x, training=True)
    torch.manual_seed(11)
    assert torch.equal(rrelu(x, training=True), first)
    assert not torch.equal(first, second)


# The operating system


@pytest.mark.parametrize("library", ["numpy", "dask.array", "anything"])
def test_no_rng_elsewhere_is_entropy_of_the_system(library, monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: bytes(range(1, count + 1)))
    assert global_key(library, None) == 0x0807060504030201


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
    """CuPy's names for random numbers."""
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
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(random=random, cuda=SimpleNamespace(Device=Device)))
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
    assert int(global_key("cupy", SimpleNamespace(device=cupy.Device(3)))) == 0x0123456789ABCDEF
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


def test_jax_has_no_global_generator():
    with pytest.raises(TypeError, match=r"^JAX has no global generator: pass rng=jax\.random\.key\(seed\), or an int$"):
        global_key("jax.numpy", None)


@given(high=st.integers(0, 2**32 - 1), low=st.integers(0, 2**32 - 1))
def test_two_words_are_the_key_high_word_first(high, low):
    assert from_words([high, low]) == high * 2**32 + low


@given(words=st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4))
def test_four_words_are_one_block_of_the_stream(words):
    first, second, _, _ = oracle.philox(words, [0, 0])
    assert from_words(words) == first * 2**32 + second


@pytest.fixture
def jax():
    return pytest.importorskip("jax")


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
    key = own_key(source_of(rng)(), namespace_of(np.ones(1)))
    assert (key, type(key)) == (2**63 + 5, int)
    np.testing.assert_array_equal(rrelu(-np.ones(9), training=True, rng=rng), rrelu(-np.ones(9), training=True, rng=key))


def test_a_jax_key_stays_where_it_is_for_jax(jax):
    key = source_of(jax.random.key(1))()
    assert own_key(key, namespace_of(jax.numpy.ones(1))) is key


def test_a_torch_generator_is_read_for_another_library(torch, np):
    key = own_key(source_of(torch.Generator().manual_seed(3))(), namespace_of(np.ones(1)))
    assert (key, type(key)) == (int(source_of(torch.Generator().manual_seed(3))()) % 2**64, int)


def test_a_key_that_is_no_index_is_read_for_another_library(monkeypatch, np):
    """An array of CuPy's has no `__index__`."""

    class Key:
        def __int__(self):
            return -1

    monkeypatch.setattr(keys, "namespace_of", lambda _: "cupy")
    assert own_key(Key(), np) == 2**64 - 1


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
    with pytest.raises(TypeError, match=r"^a traced key cannot be read for an array of another library, got .+ for one of .*numpy"):
        jax.jit(lambda key: rrelu(np.ones(3), training=True, rng=key))(jax.random.key(1))
