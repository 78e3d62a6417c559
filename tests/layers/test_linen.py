"""The Flax Linen layer: the function's bits, with keys and switches as `flax.linen.Dropout` takes them."""

from __future__ import annotations

import inspect

import pytest

from multirrelu import rrelu

np = pytest.importorskip("numpy")
pytest.importorskip("jax")
linen = pytest.importorskip("flax.linen")

import jax  # noqa: E402
from flax import errors  # noqa: E402

from multirrelu.layers.linen import RReLU  # noqa: E402

X = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


class Model(linen.Module):
    remat: bool = False

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(8)(x)
        layer = linen.remat(RReLU) if self.remat else RReLU
        return linen.Dense(1)(layer(0.1, 0.4, deterministic=not train, name="activation")(x))


def check(actual, expected):
    assert isinstance(actual, jax.Array)
    assert np.asarray(actual).tobytes() == np.asarray(expected).tobytes()


def key_of(rng):
    """What a module at the top makes of a collection's key."""

    class Ask(linen.Module):
        @linen.compact
        def __call__(self):
            return self.make_rng("dropout")

    return Ask().apply({}, rngs={"dropout": rng})


def test_arguments_are_those_of_dropout():
    for method, own in (("__init__", {"lower", "upper"}), ("__call__", set())):
        theirs, ours = (inspect.signature(getattr(kind, method)).parameters for kind in (linen.Dropout, RReLU))
        assert ours.keys() - theirs.keys() == own
        assert {name: ours[name].default for name in ours.keys() - own} == {name: theirs[name].default for name in theirs.keys() - {"rate"}}


def test_key_of_the_collection():
    rng = jax.random.key(7)
    expected = rrelu(X, training=True, rng=key_of(rng))
    check(RReLU(deterministic=False).apply({}, X, rngs={"dropout": rng}), expected)
    check(jax.jit(lambda rng: RReLU().apply({}, X, deterministic=False, rngs={"dropout": rng}))(rng), expected)
    check(RReLU(deterministic=False, rng_collection="slopes").apply({}, X, rngs={"slopes": rng}), expected)


def test_key_of_the_call():
    check(RReLU().apply({}, X, deterministic=False, rng=jax.random.key(42)), rrelu(X, training=True, rng=42))


def test_evaluation():
    check(RReLU().apply({}, X, deterministic=True), rrelu(X))
    check(RReLU(0.2, 0.4, deterministic=True).apply({}, X), rrelu(X, 0.2, 0.4))


def test_broadcast_dims():
    layer = RReLU(broadcast_dims=(0,))
    check(layer.apply({}, X, deterministic=False, rng=jax.random.key(42)), rrelu(X, training=True, rng=42, shared_axes=0))


def test_model():
    variables = Model().init(jax.random.key(0), X, train=False)

    def loss(variables, remat):
        return (Model(remat).apply(variables, X, train=True, rngs={"dropout": jax.random.key(1)}) ** 2).sum()

    one, other = (jax.jit(jax.grad(loss), static_argnums=1)(variables, remat) for remat in (False, True))
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        assert abs(a).max() > 0
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_errors_are_those_of_dropout():
    for options, call, error in (
        ({}, {}, ValueError),  # nothing says deterministic
        ({"deterministic": True}, {"deterministic": True}, ValueError),  # both say it
        ({"deterministic": False}, {}, errors.InvalidRngError),  # no key
    ):
        messages = []
        for make in (lambda **options: linen.Dropout(0.5, **options), RReLU):
            with pytest.raises(error) as caught:
                make(**options).apply({}, X, **call)
            messages.append(str(caught.value))
        assert messages[1] == messages[0].replace("Dropout", "RReLU")


@pytest.mark.parametrize(
    ("bounds", "error", "match"),
    [((0.3, 0.1), ValueError, "lower must not exceed upper"), (("a", 1), TypeError, "lower must be a real number")],
)
def test_bounds_are_checked_at_once(bounds, error, match):
    with pytest.raises(error, match=match):
        RReLU(*bounds)
