"""The transforms of `torch.func`, and `vmap` with every way to share randomness."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import func  # noqa: E402

import multirrelu  # noqa: E402
from backends.pytorch.common import NO_BATCHING_RULE, factor, ours_and_theirs  # noqa: E402
from multirrelu import Slopes, rrelu, scale  # noqa: E402

KEYS = torch.tensor([1, 2, -1])
X = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
FACTOR = factor(X, 7)


def training(x):
    return rrelu(x, training=True, rng=7)


def square(x):
    return (training(x) ** 2).sum()


def keyed(x, key):
    return scale(x, x, Slopes(1 / 8, 1 / 3, key))


def row(x, key):
    return rrelu(x, training=True, rng=int(key) % 2**64)


def test_grad():
    assert torch.equal(func.grad(square)(X), 2 * training(X) * FACTOR)


def test_vjp():
    y, pull = func.vjp(training, X)
    assert torch.equal(y, training(X))
    assert torch.equal(pull(X)[0], X * FACTOR)


def test_jvp():
    y, tangent = func.jvp(training, (X,), (X,))
    assert torch.equal(y, training(X))
    assert torch.equal(tangent, X * FACTOR)


def test_linearize():
    with pytest.warns(UserWarning, match="get_attr Node"):  # of PyTorch itself, for every function that keeps a tensor
        _, push = func.linearize(training, X)
    assert torch.equal(push(X), X * FACTOR)


@pytest.mark.parametrize("jacobian", [func.jacrev, func.jacfwd])
def test_jacobian(jacobian):
    assert torch.equal(jacobian(training)(X).reshape(15, 15), torch.diag(FACTOR.flatten()))


@pytest.mark.parametrize("second", [func.hessian, lambda f: func.jacrev(func.jacrev(f)), lambda f: func.jacfwd(func.jacfwd(f))])
def test_hessian(second):
    torch.testing.assert_close(second(square)(X).reshape(15, 15), torch.diag(2 * FACTOR.flatten() ** 2))


@ours_and_theirs(NO_BATCHING_RULE, RuntimeError)
def test_hessian_of_a_layer(layer):
    act = layer().eval()
    hessian = func.hessian(lambda x: (act(x) ** 2).sum())(X[0])
    torch.testing.assert_close(hessian, torch.diag(2 * torch.where(X[0] > 0, 1.0, 11 / 48).double() ** 2))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("bounds", [(1 / 8, 1 / 3), (-0.5, 0.5)], ids=str)
def test_grad_where_results_are_written(bounds, inplace):
    g = func.grad(lambda x: rrelu(x * 1, *bounds, training=True, rng=7, inplace=inplace).sum())(X)
    assert torch.equal(g, factor(X, 7, *bounds))


# vmap with one key: every example has the slopes that it has alone


@pytest.mark.parametrize(("in_dims", "out_dims"), [(0, 0), (1, 0), (0, 1), (-1, 1)])
def test_vmap(in_dims, out_dims):
    expected = torch.stack([training(x) for x in X.movedim(in_dims, 0)], out_dims)
    assert torch.equal(func.vmap(training, in_dims, out_dims)(X), expected)


def test_vmap_of_vmap():
    x = torch.stack([X, -X])
    assert torch.equal(func.vmap(func.vmap(training))(x), torch.stack([torch.stack([training(r) for r in m]) for m in x]))


def test_vmap_in_place():
    y = X.clone()
    func.vmap(lambda x: rrelu(x, training=True, rng=7, inplace=True))(y)
    assert torch.equal(y, torch.stack([training(x) for x in X]))


def test_vmap_of_a_gate_alone():
    got = func.vmap(lambda gate: scale(X[0], gate, Slopes(0.1, 0.3, 7)))(X)
    assert torch.equal(got, torch.stack([scale(X[0], gate, Slopes(0.1, 0.3, 7)) for gate in X]))


def test_vmap_of_shared_axes_and_evaluation():
    x = torch.stack([X, -X])
    assert torch.equal(
        func.vmap(lambda t: rrelu(t, training=True, rng=7, shared_axes=0))(x),
        torch.stack([rrelu(t, training=True, rng=7, shared_axes=0) for t in x]),
    )
    assert torch.equal(func.vmap(rrelu)(x), rrelu(x))


def test_vmap_of_grad():
    assert torch.equal(func.vmap(func.grad(square))(X), torch.stack([func.grad(square)(x) for x in X]))


def test_grad_of_vmap():
    g = func.grad(lambda x: func.vmap(training)(x).sum())(X)
    assert torch.equal(g, torch.stack([factor(x, 7) for x in X]))


# vmap over keys


def test_vmap_over_keys():
    assert torch.equal(func.vmap(keyed, (None, 0))(X, KEYS), torch.stack([row(X, key) for key in KEYS]))


def test_vmap_over_keys_and_values():
    assert torch.equal(func.vmap(keyed)(X, KEYS), torch.stack([row(x, key) for x, key in zip(X, KEYS, strict=True)]))


@pytest.mark.parametrize(("outer", "inner"), [((0, None), (None, 0)), ((None, 0), (0, None))], ids=["keys inside", "keys outside"])
def test_vmap_over_values_and_over_keys(outer, inner):
    got = func.vmap(func.vmap(keyed, inner), outer)(X, KEYS)
    table = torch.stack([torch.stack([row(x, key) for key in KEYS]) for x in X])
    assert torch.equal(got, table if outer == (0, None) else table.transpose(0, 1))


def test_vmap_over_keys_twice():
    keys = torch.stack([KEYS, KEYS + 10])
    got = func.vmap(func.vmap(keyed, (None, 0)), (None, 0))(X, keys)
    assert torch.equal(got, torch.stack([torch.stack([row(X, key) for key in some]) for some in keys]))


def test_vmap_over_keys_with_strides():
    got = func.vmap(lambda key: scale(X, X, Slopes(0.1, 0.3, key, offset=4, strides=(1, 100))))(KEYS)
    assert torch.equal(got, torch.stack([scale(X, X, Slopes(0.1, 0.3, int(key) % 2**64, 4, (1, 100))) for key in KEYS]))


def test_vmap_of_grad_over_keys():
    g = func.vmap(func.grad(lambda x, key: keyed(x, key).sum()), (None, 0))(X, KEYS)
    assert torch.equal(g, torch.stack([factor(X, int(key) % 2**64) for key in KEYS]))


# vmap where PyTorch's generator gives the key


@ours_and_theirs(NO_BATCHING_RULE, RuntimeError)
def test_randomness_different(layer):
    torch.manual_seed(3)
    y = func.vmap(layer(), randomness="different")(-torch.ones(4, 8))
    assert len({tuple(r) for r in y.tolist()}) == 4


@ours_and_theirs(NO_BATCHING_RULE, RuntimeError)
def test_randomness_same(layer):
    y = func.vmap(layer(), randomness="same")(-torch.ones(4, 8))
    assert len({tuple(r) for r in y.tolist()}) == 1


def test_randomness_is_an_error_by_default():
    with pytest.raises(RuntimeError, match="randomness error mode"):
        func.vmap(lambda x: rrelu(x, training=True))(X)


def test_gradients_of_different_slopes_are_these_slopes():
    x = -torch.ones(4, 8)
    g, y = func.vmap(func.grad_and_value(lambda t: rrelu(t, training=True).sum()), randomness="different")(x)
    torch.testing.assert_close(g.sum(1), -y)
    assert len({tuple(r) for r in g.tolist()}) == 4


def test_a_key_that_changes_before_the_pullback_is_called():
    key = torch.tensor(7)
    y, pull = func.vjp(lambda x: keyed(x, key), -torch.ones(4))
    key.add_(1)
    assert torch.equal(pull(torch.ones(4))[0], -y)


def test_vmap_of_the_operator_as_a_graph_holds_it():
    def operator(x, key):
        return torch.ops.multirrelu.scale(x, None, key, 1 / 8, 1 / 3, 0, None)

    multirrelu.backend_for(X)
    assert torch.equal(func.vmap(operator, (0, None))(X, torch.tensor(7)), torch.stack([training(x) for x in X]))
    assert torch.equal(func.vmap(operator, (None, 0))(X, KEYS), torch.stack([row(X, key) for key in KEYS]))
