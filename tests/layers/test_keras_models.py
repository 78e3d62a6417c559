"""Models with the Keras layer: trained with and without a compiler, saved, loaded and cloned."""

from __future__ import annotations

import subprocess
import sys

import pytest

from multirrelu import draw_slopes, rrelu

np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")

if keras.backend.backend() == "numpy":
    pytest.skip("Keras trains nothing in NumPy", allow_module_level=True)

from multirrelu.layers.keras import RReLU  # noqa: E402

# Dynamo asks for it in a trace.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")

X = np.random.default_rng(0).normal(size=(24, 6, 4)).astype(np.float32)
TARGET = (X[:, 0, :1] * X[:, 1, :1] > 0).astype(np.float32)
SEED = 5
compiled = pytest.mark.parametrize("jit_compile", [False, True])
slow = pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch.compile takes a minute for a model of Keras: one is enough")


class Values(keras.layers.Layer):
    """Weights, whatever the input is."""

    def __init__(self, values):
        super().__init__()
        self.values = self.add_weight(shape=values.shape, initializer=lambda shape, dtype: keras.ops.convert_to_tensor(values, dtype))

    def call(self, x):
        return self.values + 0 * keras.ops.sum(x)


def sequential():
    return keras.Sequential([keras.Input((6, 4)), keras.layers.Flatten(), keras.layers.Dense(32), RReLU(seed=SEED), keras.layers.Dense(1)])


def functional():
    x = keras.Input((6, 4))
    hidden = RReLU(0.1, 0.4, seed=SEED)(keras.layers.Conv1D(8, 3)(x))
    return keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(hidden)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = keras.layers.Dense(32), RReLU(seed=SEED), keras.layers.Dense(1)

    def call(self, x, training=False):  # which is to be handed on: in JAX's `fit` Keras does not, for Dropout neither
        return self.last(self.act(self.first(keras.ops.reshape(x, (-1, 24))), training=training))


def activation(model):
    (layer,) = [layer for layer in model.layers if isinstance(layer, RReLU)]
    return layer


def count(layer):
    return int(keras.ops.convert_to_numpy(layer.seed_generator.state.value)[1])


def numpy(x):
    return keras.ops.convert_to_numpy(x)


@compiled
def test_a_step_applies_the_factors_of_its_key(jit_compile):
    """Bit for bit: the gradient of a sum is the factor of each element, and a rate of 1 subtracts it."""
    layer, values = RReLU(seed=SEED), Values(X)
    model = keras.Sequential([values, layer])
    model.compile(keras.optimizers.SGD(1.0), lambda target, y: keras.ops.sum(y), jit_compile=jit_compile)
    expected = X
    for step in range(3):
        model.train_on_batch(np.zeros((1, 1), "float32"), np.zeros((1, 1), "float32"))
        expected = expected - np.where(expected <= 0, draw_slopes(expected, rng=SEED << 32 | step), np.float32(1))
    assert numpy(values.values.value).tobytes() == expected.tobytes()
    assert count(layer) == 3


@pytest.mark.parametrize(
    ("make", "jit_compile"),
    [
        *((make, False) for make in (sequential, functional, Subclassed)),
        (sequential, True),
        *(pytest.param(make, True, marks=slow) for make in (functional, Subclassed)),
    ],
)
def test_models_learn(make, jit_compile):
    keras.utils.set_random_seed(1)
    model = make()
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    before = model.evaluate(X, TARGET, verbose=0)
    model.fit(X, TARGET, batch_size=10, epochs=25, verbose=0)  # the last batch is smaller
    layer = activation(model)
    assert count(layer) == 25 * 3
    assert model.evaluate(X, TARGET, verbose=0) < before / 2
    model.predict(X, verbose=0)
    assert count(layer) == 25 * 3


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=slow)])
def test_shared_axes_in_batches_of_unknown_size(jit_compile):
    layer = RReLU(seed=SEED, shared_axes=(1, 2))
    model = keras.Sequential([keras.Input((6, 4)), layer, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    model.fit(X, TARGET, batch_size=10, verbose=0)
    assert count(layer) == 3


def test_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = sequential()
        model.compile("sgd", "mse", jit_compile=False)
        model.fit(X, TARGET, batch_size=10, verbose=0)
        assert activation(model).compute_dtype == "bfloat16"
        assert keras.backend.standardize_dtype(activation(model)(X).dtype) == "bfloat16"
    finally:
        keras.config.set_dtype_policy(policy)


def test_batches_over_several_devices():
    """Each device draws the slopes of its part of the batch."""
    if keras.backend.backend() != "jax" or len(keras.distribution.list_devices("cpu")) < 2:
        pytest.skip("Keras distributes over devices of JAX")
    layer, distribution = RReLU(seed=SEED), keras.distribution.DataParallel(devices=keras.distribution.list_devices("cpu"))
    with distribution.scope():
        rows = keras.distribution.TensorLayout(["batch", None, None], distribution.device_mesh)
        y = layer(keras.distribution.distribute_tensor(X, rows), training=True)
        assert len(y.sharding.device_set) == len(distribution.device_mesh.devices)
        assert numpy(y).tobytes() == rrelu(X, training=True, rng=SEED << 32).tobytes()


# Copies


def check_copy(copy, model, *, keys):
    """A copy evaluates as the model does, and draws from the start of its seed."""
    layer = activation(copy)
    assert np.array_equal(numpy(copy(X)), numpy(model(X)))
    assert layer is not activation(model)
    wanted = activation(model).get_config()
    assert {**layer.get_config(), "name": ""} == {**wanted, "name": ""}
    assert count(layer) == keys
    x = X[0]
    assert numpy(layer(x, training=True)).tobytes() == rrelu(x, layer.lower, layer.upper, training=True, rng=SEED << 32 | keys).tobytes()


@pytest.mark.parametrize("make", [sequential, functional])
def test_saved_models_are_loaded(make, tmp_path):
    model = make()
    model(X, training=True)
    model.save(tmp_path / "model.keras")
    check_copy(keras.models.load_model(tmp_path / "model.keras"), model, keys=0)


def test_saved_weights_are_loaded(tmp_path):
    model, other = sequential(), sequential()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    check_copy(other, model, keys=0)


@pytest.mark.parametrize("make", [sequential, functional])
def test_models_are_cloned(make):
    model = make()
    model(X, training=True)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    check_copy(clone, model, keys=0)


def test_json():
    model = functional()
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    check_copy(again, model, keys=0)


def test_a_model_is_loaded_where_the_layer_is_imported(tmp_path):
    """Keras imports no module of others, whatever a file names."""
    sequential().save(tmp_path / "model.keras")
    code = f"""
import keras
load = lambda: keras.models.load_model({str(tmp_path / "model.keras")!r})
try:
    load()
except TypeError as error:
    print("RReLU" in str(error))
import multirrelu.layers.keras
print(load().layers[2].seed)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", str(SEED)], done.stderr
