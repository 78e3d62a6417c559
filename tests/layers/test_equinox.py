"""The Equinox layer: the function's bits, with keys and switches as `equinox.nn.Dropout` takes them."""

from __future__ import annotations

import inspect

import pytest

from multirrelu import rrelu

np = pytest.importorskip("numpy")
pytest.importorskip("jax")
eqx = pytest.importorskip("equinox")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from multirrelu.layers.equinox import RReLU  # noqa: E402

X = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


def check(actual, expected):
    assert isinstance(actual, jax.Array)
    assert np.asarray(actual).tobytes() == np.asarray(expected).tobytes()


def model():
    first, second = jax.random.split(jax.random.key(0))
    return eqx.nn.Sequential([eqx.nn.Linear(8, 8, key=first), RReLU(0.1, 0.4), eqx.nn.Dropout(0.5), eqx.nn.Linear(8, 1, key=second)])


def test_arguments_are_those_of_dropout():
    dropped = {"p", "deterministic"}  # the second is deprecated
    for method, own in (("__init__", {"lower", "upper", "shared_axes"}), ("__call__", set())):
        theirs, ours = (inspect.signature(getattr(kind, method)).parameters for kind in (eqx.nn.Dropout, RReLU))
        common = {name: parameter for name, parameter in theirs.items() if name not in dropped}
        assert {name: (ours[name].kind, ours[name].default) for name in common} == {
            name: (parameter.kind, parameter.default) for name, parameter in common.items()
        }
        assert ours.keys() - common.keys() == own


@pytest.mark.parametrize("transform", [lambda f: f, eqx.filter_jit], ids=["eager", "filter_jit"])
def test_key(transform):
    layer = RReLU(0.1, 0.4)
    check(transform(layer)(X, key=jax.random.key(42)), rrelu(X, 0.1, 0.4, training=True, rng=42))
    check(transform(layer)(jnp.asarray(X), key=jax.random.PRNGKey(42)), rrelu(X, 0.1, 0.4, training=True, rng=42))


def test_switches():
    layer, key, constant = RReLU(), jax.random.key(42), rrelu(X)
    drawn = rrelu(X, training=True, rng=42)
    assert layer.inference is False
    check(layer(X, key=key, inference=True), constant)
    check(layer(X, inference=True), constant)
    still = eqx.nn.inference_mode(layer)
    check(still(X), constant)
    check(still(X, key=key, inference=False), drawn)
    check(eqx.nn.inference_mode(still, value=False)(X, key=key), drawn)
    check(RReLU(inference=True)(X), constant)


def test_switches_of_a_model():
    switched = eqx.nn.inference_mode(model())
    assert [layer.inference for layer in switched.layers[1:3]] == [True, True]
    x = jnp.asarray(X[0])
    expected = switched.layers[3](jnp.asarray(rrelu(switched.layers[0](x), 0.1, 0.4)))
    check(switched(x), expected)


def test_shared_axes():
    check(RReLU(shared_axes=[0])(X, key=jax.random.key(42)), rrelu(X, training=True, rng=42, shared_axes=0))
    assert hash(RReLU(shared_axes=[0, 1])) == hash(RReLU(shared_axes=(0, 1)))


def test_bounds_can_be_changed():
    layer = eqx.tree_at(lambda layer: layer.upper, RReLU(), 0.5)
    check(eqx.filter_jit(layer)(X, key=jax.random.key(42)), rrelu(X, 1 / 8, 0.5, training=True, rng=42))


SMALL = RReLU(0.125, 0.25)  # bounds that are exact in float32


@pytest.mark.parametrize(
    "changed", [jax.device_put, lambda layer: jax.tree.map(jnp.asarray, layer), lambda _: RReLU(jnp.array(0.125), jnp.array(0.25))]
)
def test_bounds_that_are_arrays_are_read(changed):
    layer, key = changed(SMALL), jax.random.key(42)
    check(layer(X, key=key), SMALL(X, key=key))
    check(layer(X, inference=True), SMALL(X, inference=True))


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacrev, jax.jacfwd])
def test_bounds_have_no_gradient(derivative):
    bounds, rest = eqx.partition(SMALL, eqx.is_inexact_array_like)
    gradient = derivative(lambda bounds: eqx.combine(bounds, rest)(X, key=jax.random.key(42)).sum())(bounds)
    assert (gradient.lower, gradient.upper) == (0, 0)
    check(
        eqx.filter_grad(lambda both: both[0](both[1], key=jax.random.key(42)).sum())((jax.device_put(SMALL), jnp.asarray(X)))[1],
        jax.grad(lambda x: SMALL(x, key=jax.random.key(42)).sum())(X),
    )


@pytest.mark.parametrize(
    ("name", "layer"), [("lower", jax.device_put(SMALL)), ("upper", eqx.tree_at(lambda x: x.upper, SMALL, jnp.array(0.25)))]
)
def test_bounds_that_are_traced_are_refused(name, layer):
    message = rf"^{name} is a traced array, whose value cannot be read: place models by equinox\.filter_shard, which leaves numbers alone"
    with pytest.raises(TypeError, match=message):
        eqx.filter_jit(layer)(X, key=jax.random.key(42))
    numbers = eqx.tree_at(lambda layer: (layer.lower, layer.upper, layer.inference), layer, (0.125, 0.25, False))
    check(eqx.filter_jit(numbers)(X, key=jax.random.key(42)), SMALL(X, key=jax.random.key(42)))


def test_placing_a_model_leaves_its_numbers():
    layer = eqx.filter_shard(SMALL, jax.devices()[0])
    assert (layer.lower, layer.upper) == (0.125, 0.25)
    check(eqx.filter_jit(layer)(X, key=jax.random.key(42)), SMALL(X, key=jax.random.key(42)))


def test_bounds_of_a_wrong_shape_are_refused():
    with pytest.raises(TypeError, match=r"^lower must be a single number, got .+ of shape \(1,\)"):
        RReLU(jnp.array([0.1]), 0.3)


def test_vmap():
    layer, keys = RReLU(), jax.random.split(jax.random.key(1), len(X))
    rows = [rrelu(row, training=True, rng=key) for row, key in zip(X, keys, strict=True)]
    check(jax.vmap(layer)(X, key=keys), np.stack(rows))
    check(eqx.filter_vmap(lambda layer, x, key: layer(x, key=key), in_axes=(None, 0, 0))(layer, X, keys), np.stack(rows))


@pytest.mark.parametrize("checkpointed", [False, True])
def test_gradient_of_a_model(checkpointed):
    """Bit for bit: the slopes of the backward pass are those of the forward pass, recomputed or not."""
    layer, key = RReLU(0.1, 0.4), jax.random.key(42)
    call = eqx.filter_checkpoint(lambda layer, x: layer(x, key=key)) if checkpointed else (lambda layer, x: layer(x, key=key))
    gradient = eqx.filter_jit(jax.grad(lambda x: call(layer, x).sum()))(X)
    y = rrelu(np.where(X > 0, X, np.float32(-1)), 0.1, 0.4, training=True, rng=42)
    check(gradient, np.where(X > 0, np.float32(1), -y))


def test_training_step_learns():
    net, x, target = model(), jnp.asarray(X), jnp.linspace(-1, 1, len(X))[:, None]

    def loss(net, key):
        return ((jax.vmap(net)(x, key=jax.random.split(key, len(x))) - target) ** 2).mean()

    @eqx.filter_jit
    def step(net, key):
        value, gradient = eqx.filter_value_and_grad(loss)(net, key)
        return value, eqx.apply_updates(net, jax.tree.map(lambda g: -0.1 * g, gradient))

    before = float(loss(eqx.nn.inference_mode(net), jax.random.key(0)))
    for key in jax.random.split(jax.random.key(1), 60):
        _, net = step(net, key)
    assert float(loss(eqx.nn.inference_mode(net), jax.random.key(0))) < before / 2
    assert (net.layers[1].lower, net.layers[1].upper) == (0.1, 0.4)


def test_no_key():
    with pytest.raises(RuntimeError, match=r"^RReLU requires a key when running in non-deterministic mode\.$") as ours:
        RReLU()(X)
    with pytest.raises(RuntimeError) as theirs:
        eqx.nn.Dropout()(jnp.asarray(X))
    assert str(ours.value) == str(theirs.value).replace("Dropout", "RReLU")


@pytest.mark.parametrize(
    ("bounds", "error", "match"),
    [((0.3, 0.1), ValueError, "lower must not exceed upper"), (("a", 1), TypeError, "lower must be a real number")],
)
def test_bounds_are_checked_at_once(bounds, error, match):
    with pytest.raises(error, match=match):
        RReLU(*bounds)


def test_a_key_that_numpy_holds_is_the_same_key():
    x, key = -jnp.ones(9), jax.random.PRNGKey(42)
    assert jnp.array_equal(RReLU()(x, key=np.asarray(key)), RReLU()(x, key=key))
