"""Sparse tensors: the values of the dense tensor, at the places that are stored."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from backends.pytorch.common import ours_and_theirs  # noqa: E402
from multirrelu import draw_slopes, rrelu, rrelu_vjp, scale  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta state:UserWarning"),
    pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled:UserWarning"),  # of Dynamo's own copies
]

LAYOUTS = {
    "coo": torch.Tensor.to_sparse_coo,
    "csr": torch.Tensor.to_sparse_csr,
    "csc": torch.Tensor.to_sparse_csc,
}
DTYPES = ["float32", "float64"]


def dense(shape=(6, 7), dtype="float32"):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64).to(getattr(torch, dtype))
    return x * (torch.rand(shape[-2:], generator=generator) < 0.4)


@pytest.mark.parametrize("arguments", [{"training": True, "rng": 2**63 + 9}, {"training": True, "rng": 9, "shared_axes": 0}, {}], ids=str)
@pytest.mark.parametrize("dtype", [*DTYPES, "float16", "bfloat16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_the_dense_tensor(layout, dtype, arguments):
    x = dense(dtype=dtype)
    sparse = LAYOUTS[layout](x)
    y = rrelu(sparse, **arguments)
    assert (y.layout, y.dtype, y.shape) == (sparse.layout, sparse.dtype, sparse.shape)
    assert torch.equal(y.to_dense(), rrelu(x, **arguments))
    assert y._nnz() == sparse._nnz()


@pytest.mark.parametrize("dtype", [*DTYPES, "float16", "bfloat16"])
@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.3, 0.2), (0.2, 0.2)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_slopes_of_what_is_stored(layout, bounds, dtype):
    x = dense(dtype=dtype)
    given = LAYOUTS[layout](x).requires_grad_()
    slopes = draw_slopes(given, *bounds, rng=9)
    assert (slopes.layout, slopes.shape, slopes._nnz(), slopes.requires_grad) == (given.layout, x.shape, given._nnz(), False)
    expected = draw_slopes(x, *bounds, rng=9)
    assert slopes.dtype == expected.dtype
    assert torch.equal(slopes.to_dense(), torch.where(x != 0, expected, 0.0))


def test_slopes_of_a_tensor_that_is_too_large_for_a_dense_one():
    x = torch.sparse_coo_tensor([[0, 10**6 - 1], [5, 10**6 - 1]], [-1.0, -2.0], (10**6, 10**6), check_invariants=True)
    y, slopes = (result.coalesce().values() for result in (rrelu(x, training=True, rng=9), draw_slopes(x, rng=9)))
    assert torch.equal(y, slopes * torch.tensor([-1.0, -2.0]))


@pytest.mark.parametrize("layout", LAYOUTS)
@ours_and_theirs("rrelu has no kernels for sparse tensors", RuntimeError)
def test_a_layer_in_evaluation(layer, layout):
    x = dense()
    assert torch.equal(layer().eval()(LAYOUTS[layout](x)).to_dense(), torch.where(x > 0, x, x * (11 / 48)))


@pytest.mark.parametrize("layout", ["csr", "csc"])
def test_batches_of_matrices(layout):
    x = dense((2, 3, 4, 5))
    assert torch.equal(rrelu(LAYOUTS[layout](x), training=True, rng=9).to_dense(), rrelu(x, training=True, rng=9))


def test_more_axes():
    x = dense((2, 3, 4, 5))
    assert torch.equal(rrelu(x.to_sparse(), training=True, rng=9).to_dense(), rrelu(x, training=True, rng=9))


def test_duplicates_are_one_element():
    x = torch.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], [-3.0, 1.0, -2.0], (2, 3), check_invariants=True)
    assert torch.equal(rrelu(x, training=True, rng=9).to_dense(), rrelu(x.to_dense(), training=True, rng=9))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_global_generator_gives_the_key(layout):
    x = dense()
    torch.manual_seed(5)
    y = rrelu(LAYOUTS[layout](x), training=True)
    torch.manual_seed(5)
    assert torch.equal(y.to_dense(), rrelu(x, training=True))


def test_gradients_reach_the_stored_values():
    x = dense().requires_grad_()
    rrelu(x.to_sparse(), training=True, rng=9).to_dense().sum().backward()
    assert torch.equal(x.grad, slopes_of(x) * (x != 0))


bounds = pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.3, 0.2), (0.2, 0.2)], ids=str)


def slopes_of(x, bounds=(1 / 8, 1 / 3), key=9):
    return torch.where(x <= 0, draw_slopes(x.detach(), *bounds, rng=key), torch.ones_like(x)).detach()


@bounds
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_gradients(layout, bounds):
    """The third derivative of its own conversions is one that PyTorch does not have."""
    x = dense(dtype="float64").requires_grad_()
    slopes = slopes_of(x, bounds)
    y = rrelu(LAYOUTS[layout](x), *bounds, training=True, rng=9).to_dense() ** 3
    for expected in (3 * slopes**3 * x**2, 6 * slopes**3 * x):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        torch.testing.assert_close(y.detach(), expected.detach())


@bounds
@pytest.mark.parametrize("layout", ["coo", "csr"])  # of CSC tensors PyTorch has no product
def test_gradients_of_four_orders(layout, bounds):
    x = dense(dtype="float64")
    slopes, leaf, ones = slopes_of(x, bounds), LAYOUTS[layout](x).requires_grad_(), LAYOUTS[layout]((x != 0).double())
    y = rrelu(leaf, *bounds, training=True, rng=9)
    y = y * y * y * y
    for expected in (4 * slopes**4 * x**3, 12 * slopes**4 * x**2, 24 * slopes**4 * x, 24 * slopes**4 * (x != 0)):
        (y,) = torch.autograd.grad(y, leaf, ones, create_graph=True)
        assert y.layout is leaf.layout
        torch.testing.assert_close(y.to_dense().detach(), expected)


@bounds
@pytest.mark.parametrize("axis", [0, 1])
def test_vmap_gives_each_example_the_slopes_that_it_has_alone(axis, bounds):
    x = dense(dtype="float64")
    batch, cotangent = torch.stack([x, -x, 2 * x], axis).to_sparse(), torch.stack([x, x, -x], axis)

    def train(x):
        return rrelu(x, *bounds, training=True, rng=9)

    def pulled_back(x, g):
        return torch.func.vjp(train, x)[1](g)[0]

    examples = batch.to_dense().unbind(axis)
    assert torch.equal(torch.vmap(train, axis)(batch).to_dense(), torch.stack([train(one) for one in examples]))
    expected = torch.stack([slopes_of(one, bounds) * g for one, g in zip(examples, cotangent.unbind(axis), strict=True)])
    assert torch.equal(torch.vmap(pulled_back, axis)(batch, cotangent.to_sparse()).to_dense(), expected)


@pytest.mark.parametrize("lower", [0.1, -0.3])
@pytest.mark.parametrize("dims", [(0, 0), (None, 0)], ids=str)
def test_vmap_over_keys(dims, lower):
    x, keys = dense(dtype="float64"), torch.tensor([5, -7])
    given = torch.stack([x, -x]).to_sparse() if dims[0] == 0 else x.to_sparse()
    examples = [x, -x] if dims[0] == 0 else [x, x]

    def pulled_back(x, key):
        y, back = torch.func.vjp(lambda x: rrelu(x, lower, 0.3, training=True, rng=key), x)
        return y, back(x)[0]

    y, gradient = torch.vmap(pulled_back, dims)(given, keys)
    expected = [rrelu(one, lower, 0.3, training=True, rng=key % 2**64) for one, key in zip(examples, keys.tolist(), strict=True)]
    assert torch.equal(y.to_dense(), torch.stack(expected))
    assert torch.equal(gradient.to_dense(), y.to_dense())  # as the cotangent is x itself


@bounds
def test_gradients_of_torch_func(bounds):
    x = dense(dtype="float64")
    sparse, slopes = x.to_sparse().coalesce(), slopes_of(x, bounds)

    def loss(stored):
        x = torch.sparse_coo_tensor(sparse.indices(), stored, sparse.shape, is_coalesced=True, check_invariants=False)
        return (rrelu(x, *bounds, training=True, rng=9).to_dense() ** 3).sum()

    def cube(x):
        y = rrelu(x, *bounds, training=True, rng=9)
        return y * y * y

    def first(x):
        return torch.func.vjp(cube, x)[1](sparse)[0]

    stored = sparse.values()
    torch.testing.assert_close(torch.func.grad(loss)(stored), 3 * (slopes**3)[x != 0] * stored**2)
    torch.testing.assert_close(first(sparse).to_dense(), 3 * slopes**3 * x**3)
    torch.testing.assert_close(torch.func.vjp(first, sparse)[1](sparse)[0].to_dense(), 6 * slopes**3 * x**3)


@bounds
@pytest.mark.parametrize("layout", LAYOUTS)
def test_compiled(layout, bounds):
    """Dynamo makes no graph of sparse tensors, and leaves the call as it is."""
    x = dense()
    function = torch.compile(lambda x: rrelu(x, *bounds, training=True, rng=9), backend="aot_eager")
    leaf = LAYOUTS[layout](x).requires_grad_()
    y = function(leaf)
    assert torch.equal(y.to_dense(), rrelu(x, *bounds, training=True, rng=9))
    (gradient,) = torch.autograd.grad(y, leaf, LAYOUTS[layout]((x != 0).float()))
    assert torch.equal(gradient.to_dense(), slopes_of(x, bounds) * (x != 0))


class Trains(torch.nn.Module):
    def __init__(self, bounds):
        super().__init__()
        self.bounds = bounds

    def forward(self, x):
        return rrelu(x, *self.bounds, training=True, rng=9)


@bounds
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "not strict"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_exported(layout, strict, bounds):
    x = dense()
    program = torch.export.export(Trains(bounds), (LAYOUTS[layout](x),), strict=strict).module()
    leaf = LAYOUTS[layout](-x).requires_grad_()
    y = program(leaf)
    assert torch.equal(y.to_dense(), rrelu(-x, *bounds, training=True, rng=9))
    (gradient,) = torch.autograd.grad(y, leaf, LAYOUTS[layout]((x != 0).float()))
    assert torch.equal(gradient.to_dense(), slopes_of(-x, bounds) * (x != 0))


COTANGENTS = {**LAYOUTS, "duplicates": lambda g: (g / 2).to_sparse() + (g / 2).to_sparse(), "strided": lambda g: g}


@pytest.mark.parametrize("cotangent", ["its own", "coo", "duplicates", "strided"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cotangent_that_is_stored_at_other_places(layout, cotangent):
    x = dense()
    weights = torch.arange(1.0, 43.0).reshape(6, 7) * (torch.arange(42).reshape(6, 7) % 3 > 0)
    sparse = LAYOUTS[layout](x).requires_grad_()
    given = COTANGENTS[layout if cotangent == "its own" else cotangent](weights)
    (gradient,) = torch.autograd.grad(rrelu(sparse, training=True, rng=9), sparse, given)
    expected = weights * (x != 0) * torch.where(x <= 0, draw_slopes(x, rng=9), 1.0)
    assert gradient.layout is sparse.layout
    assert torch.equal(gradient.to_dense(), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_is_kept_beyond_the_output_and_its_places(layout):
    x, saved = LAYOUTS[layout](dense()).requires_grad_(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        y = rrelu(x, training=True, rng=9)
    (kept,) = (t for t in saved if t.is_floating_point())
    assert kept.values().data_ptr() == y.values().data_ptr()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sparse_tensors_are_not_written_to(layout):
    x = LAYOUTS[layout](dense())
    state = torch.get_rng_state()
    for arguments in ({"inplace": True}, {"out": x.clone()}):
        with pytest.raises(TypeError, match=r"^tensors of layout torch\.sparse_... cannot be written to: leave out and inplace$"):
            rrelu(x, training=True, **arguments)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_gate_of_its_own_is_refused():
    x = dense().to_sparse()
    _, pullback = rrelu_vjp(x)
    with pytest.raises(
        TypeError, match=r"^a separate gate is not supported for tensors of layout torch\.sparse_coo: convert to torch\.strided$"
    ):
        pullback(x.clone())


OTHERS = {
    "torch.sparse_bsr": lambda: dense((6, 8)).to_sparse_bsr((2, 2)),
    "torch.sparse_coo with 2 dense axes": lambda: dense((2, 3, 4, 5)).to_sparse(2),
    "torch._mkldnn": lambda: dense().to_mkldnn(),
}


@pytest.mark.filterwarnings("ignore:Sparse BSR tensor support")
@pytest.mark.parametrize("layout", OTHERS)
def test_other_layouts_are_refused(layout):
    with pytest.raises(
        TypeError, match=rf"^tensors of layout {layout} are not supported: convert to torch\.strided, or to sparse COO, CSR or CSC$"
    ):
        rrelu(OTHERS[layout](), training=True)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage:UserWarning")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused(layout):
    x = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)
    with pytest.raises(TypeError, match=r"^nested tensors are not supported: apply rrelu to their values, or to a padded tensor$"):
        rrelu(x, training=True)
    for gate in (x, x.clone()):
        with pytest.raises(TypeError, match=r"^nested tensors are not supported"):
            scale(x, gate, 0.5)
