"""Tensors of other types, and modes around them: subclasses, fake tensors, traced graphs, autocast."""

from __future__ import annotations

import importlib
from typing import ClassVar

import pytest

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from multirrelu import Slopes, draw_slopes, rrelu, rrelu_vjp, scale  # noqa: E402
from multirrelu.layers.torch import RReLU  # noqa: E402

X = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
EXPECTED = rrelu(X, training=True, rng=7)


class Plain(torch.Tensor):
    """A subclass without a word of its own."""


class Counting(torch.Tensor):
    """A subclass that sees every function that is called on it."""

    names: ClassVar[list[str]] = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.names.append(getattr(func, "__name__", str(func)))
        return super().__torch_function__(func, types, args, kwargs or {})


class Logged(torch.Tensor):
    """A wrapper that sees every operator."""

    operators: ClassVar[list[str]] = []

    @staticmethod
    def __new__(cls, inner):
        wrapper = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, dtype=inner.dtype, device=inner.device, requires_grad=inner.requires_grad
        )
        wrapper.inner = inner
        return wrapper

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        cls.operators.append(str(func))
        args, kwargs = torch.utils._pytree.tree_map_only(Logged, lambda t: t.inner, (args, kwargs or {}))
        return torch.utils._pytree.tree_map_only(torch.Tensor, Logged, func(*args, **kwargs))


@pytest.mark.parametrize("kind", [Plain, Counting])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_subclass_comes_back(kind, requires_grad):
    x = X.as_subclass(kind).requires_grad_(requires_grad)
    y = rrelu(x, training=True, rng=7)
    assert type(y) is kind
    assert torch.equal(y.as_subclass(torch.Tensor), EXPECTED)
    if requires_grad:
        y.sum().backward()
        assert torch.equal(x.grad.as_subclass(torch.Tensor), torch.where(X <= 0, draw_slopes(X, rng=7), 1.0))


def test_a_parameter_gives_a_tensor():
    y = rrelu(torch.nn.Parameter(X), training=True, rng=7)
    assert type(y) is torch.Tensor
    assert torch.equal(y, EXPECTED)


@pytest.mark.parametrize("training", [True, False])
def test_a_wrapper_sees_operators(training):
    Logged.operators.clear()
    y = rrelu(Logged(X), training=training, rng=7)
    assert type(y) is Logged
    assert torch.equal(y.inner, EXPECTED if training else rrelu(X))
    assert ("multirrelu.scale.default" in Logged.operators) == training


def test_a_wrapper_is_written_over():
    x = Logged(X.clone())
    assert rrelu(x, training=True, rng=7, inplace=True) is x
    assert torch.equal(x.inner, EXPECTED)


def test_a_mode_sees_operators():
    class Watching(TorchDispatchMode):
        seen: ClassVar[list[str]] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.seen.append(str(func))
            return func(*args, **(kwargs or {}))

    with Watching():
        y = rrelu(X, training=True, rng=7)
    assert torch.equal(y, EXPECTED)
    assert "multirrelu.scale.default" in Watching.seen


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_fake_tensors(training, requires_grad):
    with FakeTensorMode():
        x = torch.empty(2, 3, 4, 5, requires_grad=requires_grad).to(memory_format=torch.channels_last)
        y = rrelu(x, training=training)
        assert (type(y), y.shape, y.stride()) == (type(x), x.shape, x.stride())
        if requires_grad:
            y.sum().backward()
        if not requires_grad:
            rrelu(x, training=training, inplace=True)
            assert rrelu_vjp(x, -0.5, 0.5, training=training, out=torch.empty_like(x))[1](x).shape == x.shape


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_a_traced_graph_holds_the_operator(mode):
    graph = make_fx(lambda x: rrelu(x, training=True, rng=7), tracing_mode=mode)(X)
    assert "torch.ops.multirrelu.scale" in graph.code
    assert torch.equal(graph(X), EXPECTED)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_leaves_the_dtype_of_the_input(dtype):
    layer = torch.nn.Sequential(torch.nn.Linear(5, 4), RReLU(rng=7))
    with torch.autocast("cpu", dtype=dtype):
        y = layer(X)
        assert rrelu(X, training=True, rng=7).dtype == torch.float32
    assert y.dtype == dtype
    y.float().sum().backward()
    assert layer[0].weight.grad.dtype == torch.float32


@pytest.mark.parametrize("tests", ["test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"])
@pytest.mark.parametrize("gated", [False, True])
def test_the_operators_pass_pytorchs_own_check(tests, gated):
    from multirrelu_backends.torch import ops

    x, key = X.clone().requires_grad_(), torch.tensor(7)
    gate = -X if gated else None
    torch.library.opcheck(ops.scale_drawn, (x, gate, key, 0.1, 0.3, 5, [1, 10]), test_utils=tests)
    torch.library.opcheck(ops.draw, (X, key, 0.1, 0.3, 5, None), test_utils=tests)
    if tests != "test_aot_dispatch_dynamic":  # which compares two calls, and these draw two keys
        torch.library.opcheck(ops.draw_key, (X,), test_utils=tests)


def test_scale_of_a_tensor_key_outside_every_mode():
    assert torch.equal(scale(X, X, Slopes(1 / 8, 1 / 3, torch.tensor(7))), EXPECTED)


def test_an_output_of_another_kind_is_no_crash():
    out = Logged(torch.empty(3, 5))
    rrelu(X, training=True, rng=7, out=out)
    assert torch.equal(out.inner, EXPECTED)


def fake():
    with FakeTensorMode():
        return torch.empty(3, 5)


def masked():
    return torch.masked.masked_tensor(X.clone(), X < 0)


CALLS = {
    "x": lambda x: rrelu(x, training=True),
    "x, in evaluation": rrelu,
    "x, in place": lambda x: rrelu(x, training=True, inplace=True),
    "like": lambda x: draw_slopes(x, rng=None),
    "values": lambda x: scale(x, X, 0.5),
    "gate": lambda x: scale(X, x, 0.5),
    "out": lambda x: rrelu(X, training=True, out=x),
    "cotangent": rrelu_vjp(X)[1],
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of MaskedTensors")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            fake,
            r"^fake tensors work only inside their mode, got a FakeTensor of torch of shape \(3, 5\) .+: use it under `with x",
        ),
        (masked, r"^MaskedTensors are not supported: apply rrelu to x\.get_data\(\), and mask the result$"),
    ],
    ids=["fake", "masked"],
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_kinds_of_tensors_that_are_not_served(make, message, call):
    """Before a key is drawn."""
    x, state = make(), torch.get_rng_state()
    with pytest.raises(TypeError, match=message):
        call(x)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_said_to_help_does():
    x = fake()
    with x.fake_mode:
        assert rrelu(x, training=True).shape == x.shape


@pytest.mark.parametrize("make", [X.untyped_storage, lambda: X.shape, lambda: X.dtype, lambda: X.device, torch.Generator])
def test_what_else_pytorch_has_is_no_array(make):
    with pytest.raises(TypeError, match=r"^expected an array, got an? \w+ of torch(: .+)?$"):
        rrelu(make())


class Drawing(torch.nn.Module):
    def forward(self, x):
        return rrelu(x, training=True, rng=7)


def test_a_symbolic_trace_is_told_to_wrap():
    with pytest.raises(
        TypeError, match=r"^torch\.fx traces this call, .+: call torch\.fx\.wrap\('rrelu'\) in the module .+, or use multirrelu"
    ):
        torch.fx.symbolic_trace(Drawing())


def test_a_symbolic_trace_of_a_wrapped_call(tmp_path, monkeypatch):
    """`torch.fx.wrap` works on names of the module that calls it."""
    (tmp_path / "wrapped_model.py").write_text(
        "import torch\nfrom multirrelu import rrelu\ntorch.fx.wrap('rrelu')\n"
        "class Net(torch.nn.Module):\n    def forward(self, x):\n        return rrelu(x, training=True, rng=7)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert torch.equal(torch.fx.symbolic_trace(importlib.import_module("wrapped_model").Net())(X), EXPECTED)


@pytest.mark.parametrize("key", [5, 2**63 + 5, 2**64 - 1])
def test_a_key_of_64_unsigned_bits(key):
    rng = torch.tensor(key, dtype=torch.uint64)
    assert torch.equal(rrelu(X, training=True, rng=rng), rrelu(X, training=True, rng=key))
    assert torch.equal(scale(X, X, Slopes(1 / 8, 1 / 3, rng)), rrelu(X, training=True, rng=key))


@pytest.mark.parametrize("key", [5, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_a_key_for_an_array_of_numpys(key, dtype):
    np = pytest.importorskip("numpy")
    rng = torch.tensor(key if dtype == "uint64" else (key + 2**63) % 2**64 - 2**63, dtype=getattr(torch, dtype))
    x = X.numpy()
    for y in (rrelu(x, training=True, rng=rng), scale(x, x, Slopes(1 / 8, 1 / 3, rng))):
        assert np.array_equal(y, rrelu(x, training=True, rng=key))


def test_a_key_without_a_value_for_an_array_of_numpys():
    np = pytest.importorskip("numpy")
    with pytest.raises(
        TypeError, match=r"^a traced key cannot be read for an array of another library, got a Tensor of torch of shape \(\)"
    ):
        rrelu(np.ones(3), training=True, rng=torch.zeros((), dtype=torch.int64, device="meta"))


def test_a_sparse_output_is_refused_before_a_key_is_drawn():
    state = torch.get_rng_state()
    with pytest.raises(TypeError, match=r"^tensors of layout torch\.sparse_coo cannot be written to: leave out and inplace$"):
        rrelu(X, training=True, out=torch.zeros(3, 5).to_sparse())
    assert torch.equal(torch.get_rng_state(), state)
