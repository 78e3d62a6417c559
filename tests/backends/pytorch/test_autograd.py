"""Reverse and forward mode: `gradcheck` of every kind, what is saved, and tensors that are written over."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.autograd import forward_ad, gradcheck, gradgradcheck  # noqa: E402
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks  # noqa: E402

import multirrelu  # noqa: E402
from backends.pytorch.common import SILENTLY_WRONG, applied, factor, ours_and_theirs  # noqa: E402
from multirrelu import rrelu  # noqa: E402
from multirrelu_backends.torch import dense as product  # noqa: E402

BOUNDS = [(1 / 8, 1 / 3), (-0.5, 0.5), (-0.9, -0.1), (0.25, 0.25)]
WRITTEN = {
    "out of place": rrelu,
    "in place": lambda x, *bounds, **mode: rrelu(x.clone(), *bounds, inplace=True, **mode),
    "in place on a view": lambda x, *bounds, **mode: torch.stack(
        [rrelu(row, *bounds, inplace=True, **mode) for row in (x.clone()[i] for i in range(3))]
    ),
    "to out": lambda x, *bounds, **mode: rrelu(x, *bounds, out=torch.empty_like(x), **mode),
}


@pytest.fixture(params=["product", "function"], autouse=True)
def way(request, monkeypatch):
    """Each of the ways in which a small tensor can be recorded; larger ones are recorded by a function."""
    if request.param == "function":
        monkeypatch.setattr(product, "MOST", -1)
    return request.param


@pytest.fixture
def x():
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x.requires_grad_()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("written", WRITTEN)
def test_gradcheck(x, written, bounds, training):
    def function(t):
        return WRITTEN[written](t, *bounds, training=training, rng=7)

    batched = written == "out of place"
    assert gradcheck(function, x, check_forward_ad=True, check_batched_grad=batched, check_batched_forward_grad=batched)
    assert gradgradcheck(function, x, check_fwd_over_rev=True, check_rev_over_rev=True)


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_values_and_gate_are_differentiated_apart(x, bounds):
    slopes = multirrelu.Slopes(*bounds, 7)
    gate = x.detach().flip(0).requires_grad_()
    multirrelu.scale(x, gate, slopes).sum().backward()
    assert torch.equal(x.grad, multirrelu.scale(torch.ones_like(x), gate.detach(), slopes))
    assert gate.grad is None


@pytest.mark.parametrize("slopes", [(0.1, 0.3), (-0.5, 0.5)], ids=str)
@pytest.mark.parametrize("target", ["values", "gate"])
def test_scale_written_over_its_arguments(x, target, slopes):
    values, gate = x * 1, x.detach().flip(0).clone()
    kept = gate.clone()
    multirrelu.scale(values, gate, multirrelu.Slopes(*slopes, 7), out={"values": values, "gate": gate}[target]).sum().backward()
    assert torch.equal(x.grad, multirrelu.scale(torch.ones_like(kept), kept, multirrelu.Slopes(*slopes, 7)))


def test_forward_over_reverse(x):
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        (g,) = torch.autograd.grad((rrelu(dual, training=True, rng=7) ** 2).sum(), dual, create_graph=True)
        tangent = forward_ad.unpack_dual(g).tangent
    torch.testing.assert_close(tangent, 2 * factor(x, 7) ** 2)


@ours_and_theirs("\"rrelu_with_noise_out_cpu\" not implemented for 'Half'", NotImplementedError)
def test_training_in_float16(layer):
    torch.manual_seed(0)
    x = torch.randn(50, dtype=torch.float16, requires_grad=True)
    y = layer()(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, applied(x, y), rtol=2e-3, atol=0)


# What is kept for the backward pass


LARGE = (1 << 15) + 1  # elements: small tensors go by another way


def saved_bytes(layer, x):
    """Return how many bytes of tensors a call keeps for its backward pass beside its output; its key is a number."""
    storages = {}

    def pack(t):
        storages[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with saved_tensors_hooks(pack, lambda t: t):
        y = layer(x)
    storages.pop(y.untyped_storage().data_ptr(), None)
    return sum(storages.values())


@pytest.mark.parametrize("training", [True, False])
@ours_and_theirs("nn.RReLU saves the input and the noise", AssertionError)
def test_nothing_is_saved_beyond_the_output(layer, training):
    x = torch.randn(LARGE, requires_grad=True)
    assert saved_bytes(layer().train(training), x * 1) == 0


@pytest.mark.parametrize("training", [True, False])
def test_with_negative_slopes_the_input_is_saved(training):
    x = torch.randn(LARGE, requires_grad=True)
    assert saved_bytes(lambda t: rrelu(t, -0.5, 0.25, training=training), x * 1) == 4 * LARGE


@pytest.mark.parametrize("training", [True, False])
def test_of_a_small_tensor_the_factors_are_saved(way, training):
    pytest.importorskip("numba")
    x = torch.randn(1000, requires_grad=True)
    assert saved_bytes(lambda t: rrelu(t, training=training), x * 1) == (4000 if way == "product" else 0)


def clone(t):
    return t.clone()


HOOKS = {
    "copying": lambda: saved_tensors_hooks(clone, clone),
    "offloading": save_on_cpu,
    "to a list": lambda: saved_tensors_hooks(lambda t: (t.tolist(), t.dtype), lambda packed: torch.tensor(packed[0], dtype=packed[1])),
}


@pytest.mark.parametrize("hooks", ["copying", "to a list"])
@ours_and_theirs(SILENTLY_WRONG, AssertionError)
def test_saved_tensors_that_are_copied(layer, hooks, unset_memory_is_nan):
    torch.manual_seed(0)
    x = torch.randn(500, requires_grad=True)
    with HOOKS[hooks]():
        y = layer()(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, applied(x, y))


def test_saved_tensors_that_are_offloaded():
    x = torch.randn(500, requires_grad=True)
    with HOOKS["offloading"]():
        y = rrelu(x, training=True, rng=7)
    y.sum().backward()
    assert torch.equal(x.grad, factor(x, 7))


# Writing


@ours_and_theirs("nn.RReLU refuses: in place its backward pass has only the output", RuntimeError)
def test_in_place_with_negative_slopes(layer):
    x = torch.randn(50, requires_grad=True)
    layer(-0.5, -0.25, inplace=True).eval()(x * 1).sum().backward()
    assert torch.equal(x.grad, torch.where(x > 0, 1.0, -0.375))


@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.5, 0.5)], ids=str)
def test_a_view_that_is_written_to_carries_its_gradient_to_the_whole(bounds):
    x = torch.randn(4, 6, requires_grad=True)
    base = x * 1
    rrelu(base[1:3], *bounds, training=True, rng=7, inplace=True)
    base.sum().backward()
    expected = torch.ones(4, 6)
    expected[1:3] = factor(x[1:3], 7, *bounds)
    assert torch.equal(x.grad, expected)


def test_out_forgets_what_it_was(x):
    other = torch.randn_like(x).requires_grad_()
    out = other * 1
    y = rrelu(x.detach(), training=True, rng=7, out=out)
    assert y is out
    (y * 1).sum().backward()
    assert torch.equal(other.grad, torch.zeros_like(x))


@pytest.mark.parametrize("what", ["a leaf", "a view of a leaf"])
def test_a_leaf_that_requires_grad_is_not_written_to(x, what):
    target, before, state = {"a leaf": x, "a view of a leaf": x[1:]}[what], x.detach().clone(), torch.get_rng_state()
    for arguments in ({"inplace": True}, {"out": target}):
        with pytest.raises(
            RuntimeError, match=rf"^{what} that requires grad, of shape \(\d, 5\), cannot be written to while gradients are recorded"
        ):
            rrelu(target, training=True, **arguments)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before)


def test_a_leaf_is_written_to_where_no_gradients_are_recorded(x):
    expected = rrelu(x.detach().clone(), training=True, rng=7)
    with torch.no_grad():
        rrelu(x, training=True, rng=7, inplace=True)
    assert torch.equal(x, expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.5, 0.25)], ids=str)
@pytest.mark.parametrize("of", ["a variable", "a constant"])
def test_out_that_is_a_view(of, bounds, training):
    w, x = torch.randn(3, 5, requires_grad=True), torch.randn(5, requires_grad=True)
    whole = w * 1 if of == "a variable" else torch.zeros(3, 5)
    rrelu(x, *bounds, training=training, rng=7, out=whole[1])
    whole.sum().backward()
    slopes = factor(x, 7, *bounds) if training else torch.where(x > 0, 1.0, sum(bounds) / 2)
    torch.testing.assert_close(x.grad, slopes.detach())
    if of == "a variable":
        assert torch.equal(w.grad, torch.tensor([[1.0], [0.0], [1.0]]).expand(3, 5))


def test_out_that_is_a_view_and_an_input_without_gradient():
    w = torch.randn(3, 5, requires_grad=True)
    whole = w * 1
    rrelu(torch.randn(5), training=True, rng=7, out=whole[1])
    whole.sum().backward()
    assert torch.equal(w.grad, torch.tensor([[1.0], [0.0], [1.0]]).expand(3, 5))


def test_out_that_is_a_view_of_the_same_whole_as_the_input():
    w = torch.randn(3, 5, requires_grad=True)
    whole = w * 1
    rrelu(whole[0], training=True, rng=7, out=whole[1])
    whole.sum().backward()
    assert torch.equal(w.grad, torch.stack([1 + factor(w[0], 7), torch.zeros(5), torch.ones(5)]))


def test_a_key_that_changed_before_the_backward_pass_is_noticed():
    x, key = (-torch.ones(LARGE)).requires_grad_(), torch.tensor(7)
    y = multirrelu.scale(x, x, multirrelu.Slopes(0.1, 0.3, key))
    key.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("taken", ["by unbind", "without recording"])
def test_views_that_autograd_refuses_to_write_to(taken, inplace):
    whole = torch.randn(3, 4, requires_grad=True) * 1
    with torch.set_grad_enabled(taken == "by unbind"):
        view = whole.unbind(0)[0] if taken == "by unbind" else whole[0]
    before, state = whole.detach().clone(), torch.get_rng_state()
    with pytest.raises(
        RuntimeError, match=r"^a view that was taken without recording gradients, or by unbind and the like, that requires grad"
    ):
        rrelu(view, training=True, inplace=True) if inplace else rrelu(torch.ones(4), training=True, out=view)
    assert torch.equal(whole, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_inference_tensors_are_not_written_to_outside_of_inference_mode():
    with torch.inference_mode():
        x = torch.ones(3)
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match=r"^an inference tensor, of shape \(3,\), cannot be written to outside of inference mode$"):
        rrelu(x, training=True, inplace=True)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("columns", [3, LARGE])
def test_a_sparse_cotangent(columns):
    w, index = torch.randn(5, columns, requires_grad=True), torch.tensor([1, 1, 4])
    torch.nn.functional.embedding(index, rrelu(w * 1, training=True, rng=7), sparse=True).sum().backward()
    assert torch.equal(w.grad.to_dense(), factor(w, 7) * torch.bincount(index, minlength=5)[:, None])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # PyTorch asks for it itself
def test_compiled_autograd():
    from torch._dynamo import compiled_autograd

    x = torch.randn(5, requires_grad=True)
    y = rrelu(x * 1, training=True, rng=7, inplace=True)
    with compiled_autograd._enable(torch.compile(backend="aot_eager")):
        y.sum().backward()
    assert torch.equal(x.grad, factor(x, 7))
