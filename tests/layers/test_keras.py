"""The Keras layer: the function's bits on the backend of KERAS_BACKEND, with the arguments and switches of `keras.layers.Dropout`."""

from __future__ import annotations

import inspect
import json

import pytest

from multirrelu import rrelu

np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")

from multirrelu.layers.keras import RReLU  # noqa: E402

X = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
SEED = 5


def check(actual, expected):
    got = keras.ops.convert_to_numpy(actual)
    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()


def drawn(count, *args, x=X, seed=SEED, **options):
    """What NumPy makes of a layer's call after `count` others."""
    return rrelu(x, *args, training=True, rng=seed << 32 | count, **options)


def count(layer):
    """How many keys a layer has drawn."""
    return int(keras.ops.convert_to_numpy(layer.seed_generator.state.value)[1])


class Mine(keras.Model):
    """A model that says nothing of `training`."""

    def __init__(self):
        super().__init__()
        self.act = RReLU(seed=SEED)

    def call(self, x):
        return self.act(x)


def test_arguments_are_those_of_dropout():
    for method, own in (("__init__", {"lower", "upper", "shared_axes"}), ("call", set())):
        theirs, ours = (inspect.signature(getattr(kind, method)).parameters for kind in (keras.layers.Dropout, RReLU))
        common = theirs.keys() - {"rate", "noise_shape"}
        assert {name: (ours[name].kind, ours[name].default) for name in common} == {
            name: (theirs[name].kind, theirs[name].default) for name in common
        }
        assert ours.keys() - common == own


# Keys


@pytest.mark.parametrize("seed", [0, SEED, 2**31 - 1])
def test_keys_are_the_seed_and_the_count(seed):
    layer = RReLU(0.1, 0.4, seed=seed)
    for number in range(3):
        check(layer(X, training=True), drawn(number, 0.1, 0.4, seed=seed))
    assert count(layer) == 3


@pytest.mark.parametrize("start", [2**31 - 1, 2**32 - 1])
def test_counts_fill_32_bits(start):
    layer = RReLU(seed=SEED)
    dtype = layer.seed_generator.state.dtype
    layer.seed_generator.state.assign(np.array([SEED, start], "int64").astype(dtype))
    check(layer(X, training=True), drawn(start))
    check(layer(X, training=True), drawn((start + 1) % 2**32))


def test_a_generator_is_shared():
    generator = keras.random.SeedGenerator(SEED)
    one, other = RReLU(seed=generator), RReLU(seed=generator)
    check(one(X, training=True), drawn(0))
    check(other(X, training=True), drawn(1))


def test_random_seeds_are_those_of_keras():
    outcomes = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        outcomes.append([keras.ops.convert_to_numpy(RReLU()(X, training=True)).tobytes() for _ in range(2)])
    assert outcomes[0] == outcomes[1]
    assert len(set(outcomes[0])) == 2


@pytest.mark.parametrize(
    ("seed", "error", "match"),
    [
        (-1, ValueError, r"^an integer seed must lie in \[0, 2\*\*31\), which every backend of Keras can keep, got -1 of type int$"),
        (2**31, ValueError, r"got 2147483648 of type int$"),
        (True, TypeError, r"^seed must be an int in \[0, 2\*\*31\), a keras\.random\.SeedGenerator or None, got True of type bool$"),
        (1.0, TypeError, r"got 1\.0 of type float$"),
        ("1", TypeError, r"got '1' of type str$"),
    ],
)
def test_seeds_are_checked_at_once(seed, error, match):
    with pytest.raises(error, match=match):
        RReLU(seed=seed)


# Modes


def test_switches():
    layer = RReLU(seed=SEED)
    for constant in (layer(X), layer(X, training=False)):
        check(constant, rrelu(X))
    assert count(layer) == 0
    check(layer(X, training=True), drawn(0))


@pytest.mark.parametrize("make", [lambda: keras.Sequential([RReLU(seed=SEED)]), Mine], ids=["sequential", "subclassed"])
def test_the_mode_is_that_of_the_model(make):
    model = make()
    check(model(X, training=True), drawn(0))
    check(model(X), rrelu(X))


def test_the_mode_of_predictions():
    model = keras.Sequential([RReLU(seed=SEED)])
    if keras.backend.backend() != "numpy":
        model.compile(jit_compile=False)
    check(model.predict(X, verbose=0), rrelu(X))


# What passes through


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"])
def test_dtypes_are_those_of_the_policy(policy):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has float64 only where jax_enable_x64 is set")
    layer, dtype = RReLU(seed=SEED, dtype=policy), policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(layer(X).dtype) == layer.compute_dtype == dtype
    x = keras.ops.convert_to_numpy(keras.ops.cast(X, dtype))
    check(layer(X, training=True), drawn(0, x=x))
    check(layer(X), rrelu(x))


@pytest.mark.parametrize("axes", [0, 1, -1, (0, 1), [1]])
def test_shared_axes(axes):
    layer = RReLU(seed=SEED, shared_axes=axes)
    check(layer(X, training=True), drawn(0, shared_axes=axes))
    check(layer(X), rrelu(X))


def test_masks_pass():
    class Receiver(keras.layers.Layer):
        supports_masking = True

        def call(self, x, mask=None):
            self.mask = mask
            return x

    receiver = Receiver()
    x = np.concatenate([X[None], np.zeros_like(X[None])], 1)
    y = receiver(RReLU()(keras.layers.Masking()(x)))
    check(receiver.mask, (x != 0).any(-1))
    assert RReLU().supports_masking
    assert tuple(y.shape) == x.shape


@pytest.mark.parametrize("shape", [(None, 8), (None, None, 3), (2,)])
def test_shapes_are_kept(shape):
    layer = RReLU()
    assert layer.compute_output_shape(shape) == shape
    assert layer(keras.KerasTensor(shape)).shape == shape


def test_there_are_no_weights():
    layer = RReLU()
    layer(X)
    assert layer.built
    assert layer.weights == []
    assert layer.count_params() == 0


# Arguments


def test_bounds_of_evaluation():
    check(RReLU(0.2, 0.4)(X), rrelu(X, 0.2, 0.4))
    check(RReLU(0.2, 0.2)(X, training=True), rrelu(X, 0.2, 0.2))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"lower": 0.3, "upper": 0.1}, ValueError, "lower must not exceed upper"),
        ({"lower": "a"}, TypeError, "lower must be a real number"),
        ({"shared_axes": 0.5}, TypeError, "a shared axis must be an integer, got 0.5 of type float"),
        ({"shared_axes": [0, "a"]}, TypeError, "a shared axis must be an integer, got 'a' of type str"),
    ],
)
def test_arguments_are_checked_at_once(options, error, match):
    with pytest.raises(error, match=match):
        RReLU(**options)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="must have one of the dtypes float16, bfloat16, float32, float64, got int32"):
        RReLU()(np.arange(3, dtype="int32"))


# Configurations


@pytest.mark.parametrize("axes", [None, 1, (1, 2), [0]])
def test_configuration(axes):
    layer = RReLU(0.1, np.float32(0.5), axes, 7, name="act", dtype="float16")
    config = layer.get_config()
    assert (config["lower"], config["upper"], config["seed"]) == (0.1, 0.5, 7)
    again = RReLU.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert (again.name, again.compute_dtype, again.shared_axes) == ("act", "float16", layer.shared_axes)


def test_configuration_without_a_seed():
    config = RReLU().get_config()
    assert config["seed"] is None
    assert RReLU.from_config({}).seed is None


def test_configuration_of_a_generator():
    generator = keras.random.SeedGenerator(SEED, name="mine")
    layer = RReLU(seed=generator)
    layer(X, training=True)
    again = RReLU.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.seed_generator is not generator
    assert again.seed_generator.name == "mine"
    check(again(X, training=True), drawn(0))


def test_registered_name():
    assert keras.saving.get_registered_name(RReLU) == "multirrelu>RReLU"
