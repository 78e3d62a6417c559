"""`scale_at` on tensors: derivatives of any order and in any mode, transforms, graphs, and keys in a batch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from multirrelu import Slopes, scale, scale_at  # noqa: E402
from multirrelu_backends.torch import devices, ops  # noqa: E402

OFFSET = 2**64 - 20
SLOPES = Slopes(0.1, 0.3, 7, OFFSET)
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn((3, 50), generator=GENERATOR)
INDEX = torch.randperm(150, generator=GENERATOR).reshape(3, 50)
KEYS = torch.tensor([7, -8, 9])


def drawn(index=INDEX, key=7):
    """The slopes of indices, by `scale` of the whole array."""
    ones = torch.ones(150)
    return scale(ones, -ones, Slopes(0.1, 0.3, key, OFFSET))[index]


FACTOR = torch.where(X <= 0, drawn(), torch.ones(()))


def of_key(x, index, key):
    return scale_at(x, x, index, Slopes(0.1, 0.3, key, OFFSET))


def rows_of(keys):
    return torch.stack([of_key(X[row], INDEX[row], int(key) % 2**64) for row, key in enumerate(keys)])


def activation(x):
    return scale_at(x, x, INDEX, SLOPES)


def test_equals_scale():
    assert torch.equal(activation(X), X * FACTOR)


@pytest.mark.parametrize("gate", ["own", "values"])
@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.3, 0.2)], ids=str)
def test_derivatives_of_any_order(bounds, gate):
    x = X.double().requires_grad_()
    other = -X.double() if gate == "own" else x
    slopes = Slopes(*bounds, 7)
    factor = scale_at(torch.ones_like(x), other.detach(), INDEX, slopes)
    y = scale_at(x, other, INDEX, slopes) ** 3
    for expected in (3 * factor**3 * X.double() ** 2, 6 * factor**3 * X.double(), 6 * factor**3):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        torch.testing.assert_close(y.detach(), expected.detach(), rtol=1e-12, atol=1e-14)


def test_where_no_slope_is_negative_the_output_is_what_is_kept():
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        y = activation(X.clone().requires_grad_())
    floats = [t for t in saved if t.is_floating_point()]
    assert [t.data_ptr() for t in floats] == [y.data_ptr()]


def test_forward_mode():
    _, tangent = torch.func.jvp(activation, (X,), (torch.ones_like(X),))
    assert torch.equal(tangent, FACTOR)


def test_reverse_over_reverse_of_torch_func():
    def first(x):
        return torch.func.grad(lambda v: (activation(v) ** 2).sum())(x).sum()

    torch.testing.assert_close(torch.func.grad(first)(X), 2 * FACTOR**2)


def test_gradients_of_a_batch():
    gradient = torch.func.grad(lambda x, index: of_key(x, index, 7).sum())
    assert torch.equal(torch.vmap(gradient)(X, INDEX), FACTOR)


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)], ids=str)
def test_vmap(dims):
    arguments = [x if dim == 0 else x[0] for x, dim in zip((X, INDEX), dims, strict=True)]
    y = torch.vmap(lambda x, index: of_key(x, index, 7), dims)(*arguments)
    rows = [[x[row] if dim == 0 else x for x, dim in zip(arguments, dims, strict=True)] for row in range(3)]
    assert torch.equal(y, torch.stack([of_key(x, index, 7) for x, index in rows]))


def test_vmap_over_keys():
    assert torch.equal(torch.vmap(of_key)(X, INDEX, KEYS), rows_of(KEYS))


def test_vmap_over_keys_within_and_around_another():
    around = torch.vmap(lambda key: torch.vmap(lambda x, index: of_key(x, index, key))(X, INDEX))(KEYS)
    within = torch.vmap(lambda x, index: torch.vmap(lambda key: of_key(x, index, key))(KEYS))(X, INDEX)
    both = torch.vmap(lambda more: torch.vmap(lambda x, index, key: of_key(x, index, key + more))(X, INDEX, KEYS))(KEYS)
    for number, key in enumerate(KEYS):
        expected = of_key(X, INDEX, int(key) % 2**64)
        assert torch.equal(around[number], expected)
        assert torch.equal(within[:, number], expected)
        assert torch.equal(both[number], rows_of(KEYS + key))


@pytest.mark.parametrize("transform", [lambda f: f, lambda f: torch.func.grad(lambda x: f(x).sum())], ids=["call", "grad"])
def test_one_graph(transform):
    graph = torch.compile(transform(activation), fullgraph=True, backend="aot_eager")
    assert torch.equal(graph(X), transform(activation)(X))


def test_one_graph_with_its_backward_pass():
    x = X.clone().requires_grad_()
    torch.compile(activation, fullgraph=True, backend="aot_eager")(x).sum().backward()
    assert torch.equal(x.grad, FACTOR)


@pytest.mark.filterwarnings("ignore:Converting a tensor to a Python boolean:torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated:DeprecationWarning")
def test_a_trace_holds_operators_of_pytorch():
    trace = torch.jit.trace(activation, (X,))
    assert torch.equal(trace(-X), activation(-X))
    assert "multirrelu::" not in str(trace.inlined_graph)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_operator_is_what_pytorch_expects():
    tests = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
    torch.library.opcheck(ops.scale_drawn_at, (X.clone().requires_grad_(), None, INDEX, torch.tensor(7), 0.1, 0.3, -20), test_utils=tests)
    half = X.half().requires_grad_()
    torch.library.opcheck(ops.scale_drawn_at, (half, -X.half(), INDEX, KEYS, -0.1, 0.3, 5), test_utils=tests)


def test_meta_tensors_have_no_elements():
    y = scale_at(X.to("meta"), X.to("meta"), INDEX.to("meta"), SLOPES)
    assert (y.device.type, y.shape, y.dtype) == ("meta", X.shape, X.dtype)


@pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta state:UserWarning")
@pytest.mark.parametrize("slopes", [SLOPES, 0.2], ids=["drawn", "constant"])
def test_sparse_tensors_are_refused(slopes):
    x = X.to_sparse()
    match = r"^indices are those of strided tensors, got values of layout torch\.sparse_coo: pass the tensors of what is stored$"
    with pytest.raises(TypeError, match=match):
        scale_at(x, x, INDEX, slopes)


def test_an_index_of_another_device_is_refused():
    with pytest.raises(ValueError, match=r"^index has device meta, but values has device cpu$"):
        scale_at(X, X, INDEX.to("meta"), SLOPES)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("cut", [lambda x: x, lambda x: x.T, lambda x: x[:, ::3], lambda x: x[:, 1:49], lambda x: x[:1].expand(3, -1)])
def test_the_kernel_gives_the_bits_of_the_standard_functions(cut, dtype, monkeypatch):
    pytest.importorskip("numba")
    x, index, served = cut(X.to(dtype)), cut(INDEX), []
    kernel = devices._kernel.run_at
    monkeypatch.setattr(devices._kernel, "run_at", lambda *arguments: served.append(kernel(*arguments)) or served[-1])
    got = scale_at(x, -x, index, SLOPES)
    monkeypatch.setattr(devices, "cpu_kernel", lambda: None)
    want = scale_at(x, -x, index, SLOPES)
    assert served == [True]
    assert torch.equal(got, want)
