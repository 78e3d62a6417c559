"""The Flax NNX layer: the function's bits, with keys and switches as `flax.nnx.Dropout` takes them."""

from __future__ import annotations

import pytest

from multirrelu import rrelu

np = pytest.importorskip("numpy")
pytest.importorskip("jax")
pytest.importorskip("flax")

import inspect  # noqa: E402

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from flax import nnx  # noqa: E402

from multirrelu.layers.flax import RReLU  # noqa: E402

X = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


class Model(nnx.Module):
    def __init__(self, rngs, remat=False):
        self.first, self.second = nnx.Linear(8, 8, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)
        self.activation = RReLU(0.1, 0.4, rngs=rngs)
        self.remat = remat

    def __call__(self, x):
        hidden = nnx.remat(lambda self, x: self.activation(self.first(x)))(self, x) if self.remat else self.activation(self.first(x))
        return self.second(hidden)


def key_of_call(layer, call):
    """What a stream gives at its call number `call`."""
    return jax.random.fold_in(layer.rngs.key[...], call)


def check(actual, expected):
    assert isinstance(actual, jax.Array)
    assert np.asarray(actual).tobytes() == np.asarray(expected).tobytes()


def error_of(function, *arguments, **options):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*arguments, **options)
    return caught.type, str(caught.value)


def test_arguments_are_those_of_dropout():
    for method in ("__init__", "__call__", "set_view"):
        theirs, ours = (inspect.signature(getattr(kind, method)).parameters for kind in (nnx.Dropout, RReLU))
        common = {name: parameter for name, parameter in theirs.items() if name != "rate"}
        assert {name: (ours[name].kind, ours[name].default) for name in common} == {
            name: (parameter.kind, parameter.default) for name, parameter in common.items()
        }
        assert ours.keys() - common.keys() == ({"lower", "upper"} if method == "__init__" else set())


def test_each_call_takes_the_next_key():
    layer = RReLU(0.1, 0.4, rngs=nnx.Rngs(3))
    for call in range(3):
        check(layer(X), rrelu(X, 0.1, 0.4, training=True, rng=key_of_call(layer, call)))
    assert layer.rngs.count[...] == 3


@pytest.mark.parametrize(
    "make", [lambda: nnx.Rngs(3), lambda: nnx.Rngs(dropout=3), lambda: nnx.Rngs(3)["dropout"]], ids=["default", "named", "stream"]
)
def test_keys_are_forked_as_for_dropout(make):
    layer, dropout = RReLU(rngs=make()), nnx.Dropout(0.5, rngs=make())
    check(jax.random.key_data(layer.rngs()), jax.random.key_data(dropout.rngs()))


def test_stream_of_another_name():
    layer = RReLU(rng_collection="slopes", rngs=nnx.Rngs(params=0, slopes=5))
    check(layer(X), rrelu(X, training=True, rng=key_of_call(layer, 0)))


def test_rngs_of_the_call_go_first():
    layer = RReLU(rngs=nnx.Rngs(3))
    check(layer(X, rngs=jax.random.key(42)), rrelu(X, training=True, rng=42))
    check(layer(X, rngs=nnx.Rngs(9)), rrelu(X, training=True, rng=nnx.Rngs(9).dropout()))
    check(layer(X, rngs=nnx.Rngs(9)["dropout"]), rrelu(X, training=True, rng=nnx.Rngs(9).dropout()))
    assert layer.rngs.count[...] == 0


def test_switches():
    layer = RReLU(rngs=nnx.Rngs(3))
    constant = rrelu(X)
    assert layer.deterministic is False
    check(layer(X, deterministic=True), constant)
    layer.eval()
    check(layer(X), constant)
    check(layer(X, deterministic=False), rrelu(X, training=True, rng=key_of_call(layer, 0)))
    layer.train()
    check(layer(X), rrelu(X, training=True, rng=key_of_call(layer, 1)))
    check(RReLU(deterministic=True)(X), constant)
    check(RReLU(deterministic=None)(X, deterministic=True), constant)


def test_switches_of_a_model():
    model = Model(nnx.Rngs(0))
    expected = model.second(jnp.asarray(rrelu(model.first(X), 0.1, 0.4)))
    check(nnx.view(model, deterministic=True)(X), expected)
    assert model.activation.deterministic is False
    model.eval()
    check(model(X), expected)
    assert nnx.view(model, deterministic=False).activation.deterministic is False
    assert nnx.view(model).activation.deterministic is True
    assert nnx.view_info(model) == (
        "RReLU:\n  deterministic: bool | None = None\n    if True, the constant slope of evaluation is applied."
    )


def test_broadcast_dims():
    layer = RReLU(broadcast_dims=(0,), rngs=nnx.Rngs(3))
    check(layer(X), rrelu(X, training=True, rng=key_of_call(layer, 0), shared_axes=0))


def test_jit_grad_and_state():
    model, twin = Model(nnx.Rngs(0)), Model(nnx.Rngs(0))

    def loss(model):
        return (model(X) ** 2).sum()

    value, gradient = nnx.jit(nnx.value_and_grad(loss))(model)
    expected, same = nnx.value_and_grad(loss)(twin)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient.first.kernel[...], same.first.kernel[...], rtol=1e-4, atol=1e-5)
    assert model.activation.rngs.count[...] == twin.activation.rngs.count[...] == 1
    check(nnx.jit(lambda layer: layer(X))(model.activation), twin.activation(X))


def test_vmap():
    """Copies of a layer have streams of their own, and one layer may serve a batch with one key."""

    @nnx.split_rngs(splits=4)
    @nnx.vmap(in_axes=(0, None), out_axes=0)
    def many(rngs, x):
        return RReLU(rngs=rngs)(x)

    y = np.asarray(many(nnx.Rngs(3), jnp.asarray(X)))
    assert y.shape == (4, *X.shape)
    assert len({array.tobytes() for array in y}) == 4
    layer = RReLU(rngs=nnx.Rngs(3))
    rows = nnx.vmap(lambda layer, row: layer(row), in_axes=(None, 0))(layer, jnp.asarray(X))
    check(rows, np.stack([rrelu(row, training=True, rng=key_of_call(layer, 0)) for row in X]))


def test_remat():
    gradients = []
    for remat in (False, True):
        model = Model(nnx.Rngs(0), remat)
        gradients.append(nnx.jit(nnx.grad(lambda model: (model(X) ** 2).sum()))(model))
        assert model.activation.rngs.count[...] == 1
    for one, other in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_training_step_learns():
    model, target = Model(nnx.Rngs(0)), jnp.ones((6, 8))

    @nnx.jit
    def step(model):
        value, gradient = nnx.value_and_grad(lambda model: ((model(X) - target) ** 2).mean())(model)
        nnx.update(model, jax.tree.map(lambda w, g: w - 0.1 * g, nnx.state(model, nnx.Param), gradient))
        return value

    values = [float(step(model)) for _ in range(30)]
    assert values[-1] < values[0] / 2


def test_no_rngs():
    theirs, ours = (error_of(layer, X) for layer in (nnx.Dropout(0.5), RReLU()))
    assert ours == (theirs[0], " ".join(theirs[1].replace("Dropout", "RReLU").split()))


def test_nothing_says_deterministic():
    theirs, ours = (error_of(layer, X) for layer in (nnx.Dropout(0.5, deterministic=None), RReLU(deterministic=None)))
    assert ours[0] is theirs[0] is ValueError
    assert ours[1] == "No `deterministic` argument was provided to RReLU, as either a __call__ argument or class attribute."
    assert theirs[1].startswith(ours[1].partition(",")[0].replace("RReLU", "Dropout"))


def test_rngs_of_a_wrong_type():
    assert (
        error_of(RReLU, rngs=3)
        == error_of(nnx.Dropout, 0.5, rngs=3)
        == (
            TypeError,
            "rngs must be a Rngs, RngStream or None, but got <class 'int'>.",
        )
    )
    assert (
        error_of(RReLU(), X, rngs=3)
        == error_of(nnx.Dropout(0.5), X, rngs=3)
        == (
            TypeError,
            "rngs must be a Rngs, RngStream or jax.Array, but got <class 'int'>.",
        )
    )


def test_stream_that_is_missing():
    messages = []
    for make in (lambda rngs: nnx.Dropout(0.5, rngs=rngs), lambda rngs: RReLU(rngs=rngs)):
        with pytest.raises(KeyError) as caught:
            make(nnx.Rngs(params=0))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("bounds", "error", "match"),
    [((0.3, 0.1), ValueError, "lower must not exceed upper"), (("a", 1), TypeError, "lower must be a real number")],
)
def test_bounds_are_checked_at_once(bounds, error, match):
    with pytest.raises(error, match=match):
        RReLU(*bounds)
