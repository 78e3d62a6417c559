"""Sparse tensors: the values of the dense tensor, at the places that are stored."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from backends.pytorch.common import ours_and_theirs  # noqa: E402
from multirrelu import draw_slopes, rrelu, rrelu_vjp, scale  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta state:UserWarning")

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
    slopes = torch.where(x < 0, draw_slopes(x.detach(), rng=9), (x > 0).float())
    assert torch.equal(x.grad, slopes)


@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.3, 0.2), (0.2, 0.2)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_gradients(layout, bounds):
    """The third derivative of its own conversions is one that PyTorch does not have."""
    x = dense(dtype="float64").requires_grad_()
    slopes = torch.where(x <= 0, draw_slopes(x.detach(), *bounds, rng=9), torch.ones_like(x)).detach()
    y = rrelu(LAYOUTS[layout](x), *bounds, training=True, rng=9).to_dense() ** 3
    for expected in (3 * slopes**3 * x**2, 6 * slopes**3 * x):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        torch.testing.assert_close(y.detach(), expected.detach())


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
    stored = y.coalesce().values() if layout == "coo" else y.values()
    assert [t.data_ptr() for t in saved if t.is_floating_point()] == [stored.data_ptr()]


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
        TypeError, match=r"^a gate of its own is not served for tensors of layout torch\.sparse_coo: convert to torch\.strided$"
    ):
        pullback(x.clone())


OTHERS = {
    "torch.sparse_bsr": lambda: dense((6, 8)).to_sparse_bsr((2, 2)),
    "torch.sparse_coo with 2 dense axes": lambda: dense((2, 3, 4, 5)).to_sparse(2),
    "torch._mkldnn": lambda: dense().to_mkldnn(),
}


@pytest.mark.parametrize("layout", OTHERS)
def test_other_layouts_are_refused(layout):
    with pytest.raises(
        TypeError, match=rf"^tensors of layout {layout} are not served: convert to torch\.strided, or to sparse COO, CSR or CSC$"
    ):
        rrelu(OTHERS[layout](), training=True)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage:UserWarning")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused(layout):
    x = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)
    with pytest.raises(TypeError, match=r"^nested tensors are not served: apply rrelu to their values, or to a padded tensor$"):
        rrelu(x, training=True)
    for gate in (x, x.clone()):
        with pytest.raises(TypeError, match=r"^nested tensors are not served"):
            scale(x, gate, 0.5)
