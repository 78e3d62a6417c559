"""`torch.compile` in one graph: eager's slopes, derivatives, dynamic shapes, whole keys, and no import of Dynamo without it."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from torch import func  # noqa: E402
from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402

import multirrelu  # noqa: E402
from backends.pytorch.common import factor  # noqa: E402
from multirrelu import Slopes, rrelu, rrelu_vjp, scale  # noqa: E402
from multirrelu.layers.torch import RReLU  # noqa: E402

X = torch.randn(6, 7, generator=torch.Generator().manual_seed(0))
DTYPES = ["float16", "bfloat16", "float32", "float64"]


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()


def compiled(function, backend="aot_eager", **options):
    return torch.compile(function, fullgraph=True, backend=backend, **options)


FUNCTIONS = {
    "training": lambda x: rrelu(x, training=True, rng=7),
    "training with the greatest key": lambda x: rrelu(x, training=True, rng=2**64 - 1),
    "training with negative slopes": lambda x: rrelu(x, -0.5, 0.5, training=True, rng=7),
    "evaluation": rrelu,
    "equal bounds": lambda x: rrelu(x, 0.2, 0.2, training=True, rng=7),
    "shared axes": lambda x: rrelu(x, training=True, rng=7, shared_axes=0),
    "pullback": lambda x: rrelu_vjp(x, training=True, rng=7)[1](x),
    "pullback after writing in place": lambda x: rrelu_vjp(x + 1, -0.5, 0.5, training=True, rng=7, inplace=True)[1](x),
    "slopes": lambda x: multirrelu.draw_slopes(x, rng=7),
    "scale": lambda x: scale(x, -x, Slopes(0.1, 0.3, 2**64 - 5, offset=2**63 + 5, strides=(-1, 2**40))),
    "vmap": func.vmap(lambda x: rrelu(x, training=True, rng=7)),
    "grad": func.grad(lambda x: (rrelu(x, training=True, rng=7) * 2).sum()),
    "vmap of grad": func.vmap(func.grad(lambda x: (rrelu(x, training=True, rng=7) * 2).sum())),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_eager(name):
    assert torch.equal(compiled(FUNCTIONS[name])(X), FUNCTIONS[name](X))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(dtype):
    x = X.to(getattr(torch, dtype))
    for name in ("training", "evaluation"):
        assert torch.equal(compiled(FUNCTIONS[name])(x), FUNCTIONS[name](x))


@pytest.mark.parametrize("name", ["training", "training with negative slopes", "evaluation", "shared axes", "scale"])
def test_backward_equals_eager(name):
    def function(x):
        return FUNCTIONS[name](x * 2) * 3

    gradients = []
    for one in (function, compiled(function)):
        x = X.clone().requires_grad_()
        one(x).sum().backward()
        gradients.append(x.grad)
    assert torch.equal(*gradients)


def test_through_the_default_compiler():
    layer = torch.nn.Sequential(torch.nn.Linear(7, 5), RReLU(rng=7), torch.nn.Linear(5, 3), RReLU(rng=8))
    outputs = []
    for model in (layer, compiled(layer, backend="inductor")):
        layer.zero_grad()
        y = model(X)
        y.sum().backward()
        outputs.append([y.detach(), *(p.grad.clone() for p in layer.parameters())])
    for eager, graph in zip(*outputs, strict=True):
        torch.testing.assert_close(graph, eager)
    assert torch.equal(compiled(FUNCTIONS["training"], backend="inductor")(X), FUNCTIONS["training"](X))


# The key


def test_manual_seed_rules_as_in_eager():
    def twice(x):
        return rrelu(x, training=True), rrelu(x, training=True)

    results = []
    for function in (twice, compiled(twice)):
        torch.manual_seed(5)
        results.append((*function(X), *function(X)))
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))
    assert not torch.equal(*results[1][:2])


def test_backward_uses_the_key_of_its_forward():
    x = X.clone().requires_grad_()
    function = compiled(lambda x: rrelu(x, training=True))
    torch.manual_seed(5)
    y = function(x)
    function(x)
    y.sum().backward()
    torch.manual_seed(5)
    key = int(torch.randint(-(2**63), 2**63 - 1, (), dtype=torch.int64)) % 2**64
    assert torch.equal(x.grad, factor(X, key))


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_vmap_with_a_drawn_key(randomness):
    def function(x):
        return func.vmap(lambda row: rrelu(row, training=True), randomness=randomness)(x)

    x = -torch.ones(4, 8)
    rows = {tuple(row) for row in compiled(function)(x).tolist()}
    assert len(rows) == {"same": 1, "different": 4}[randomness]


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_vmap_with_a_drawn_key_over_something_else(randomness):
    def function(weights):
        return func.vmap(lambda w: rrelu(-torch.ones(8), training=True) * w, randomness=randomness)(weights)

    rows = {tuple(row) for row in compiled(function)(torch.ones(4)).tolist()}
    assert len(rows) == {"same": 1, "different": 4}[randomness]


def test_vmap_refuses_to_draw_unasked():
    with pytest.raises(Exception, match="random operation while in randomness error mode"):
        compiled(func.vmap(lambda row: rrelu(row, training=True)))(X)


@pytest.mark.parametrize("transform", ["grad", "vjp", "jvp", "vmap of grad"])
def test_transforms_with_a_drawn_key(transform):
    def loss(x):
        return rrelu(x, training=True).sum()

    function = {
        "grad": func.grad(loss),
        "vjp": lambda x: func.vjp(lambda t: rrelu(t, training=True), x)[1](torch.ones_like(x))[0],
        "jvp": lambda x: func.jvp(lambda t: rrelu(t, training=True), (x,), (torch.ones_like(x),))[1],
        "vmap of grad": func.vmap(func.grad(loss), randomness="different"),
    }[transform]
    slopes = compiled(function)(X)
    assert torch.equal(slopes[X > 0], torch.ones_like(slopes[X > 0]))
    assert bool(((slopes >= 1 / 8) & (slopes <= 1 / 3))[X <= 0].all())


@pytest.mark.parametrize("rng", ["torch", "numpy"])
def test_a_generator_is_a_graph_break(rng):
    def generator():
        return torch.Generator().manual_seed(3) if rng == "torch" else pytest.importorskip("numpy").random.default_rng(3)

    with pytest.raises(Exception, match="a generator passed as rng cannot be drawn from in a graph of PyTorch: pass rng=None or an int"):
        compiled(RReLU(rng=generator()))(X)
    torch._dynamo.reset()
    y = torch.compile(RReLU(rng=generator()), backend="aot_eager")(X)
    assert torch.equal(y, rrelu(X, training=True, rng=generator()))


def test_the_default_device_does_not_matter():
    with torch.device("meta"):
        y = compiled(FUNCTIONS["training"])(X)
    assert torch.equal(y, FUNCTIONS["training"](X))


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_many_keys_need_two_graphs(backend):
    counter = CompileCounterWithBackend(backend)
    function = torch.compile(lambda x, key: rrelu(x, training=True, rng=key), fullgraph=True, backend=counter)
    for key in (*range(12), 2**40, 2**63 - 1):
        assert torch.equal(function(X, key), rrelu(X, training=True, rng=key))
    assert counter.frame_count == 2


@pytest.mark.parametrize("keys", [(3, 4, 5, 2**40), (3, 2**63, 2**64 - 1)], ids=str)
def test_keys_as_arguments(keys):
    function = compiled(lambda x, key: rrelu(x, training=True, rng=key))
    for key in keys:
        assert torch.equal(function(X, key), rrelu(X, training=True, rng=key))


# What may change between calls


def test_dynamic_shapes_need_one_graph():
    counter = CompileCounterWithBackend("aot_eager")
    function = torch.compile(FUNCTIONS["training"], fullgraph=True, backend=counter, dynamic=True)
    counts = []
    for shape in ((4, 5), (6, 9), (3, 8), (64, 33)):
        x = torch.randn(shape, requires_grad=True)
        y = function(x)
        y.sum().backward()
        assert torch.equal(y, rrelu(x, training=True, rng=7))
        assert torch.equal(x.grad, factor(x, 7))
        counts.append(counter.frame_count)
    assert counts[0] == counts[-1]


@pytest.mark.parametrize("training", [True, False])
def test_bounds_as_arguments(training):
    function = compiled(lambda x, lower, upper: rrelu(x, lower, upper, training=training, rng=1))
    for bounds in ((0.1, 0.2), (0.1, 0.3), (0.15, 0.35), (0.3, 0.3)):
        assert torch.equal(function(X, *bounds), rrelu(X, *bounds, training=training, rng=1))


def test_modes_of_a_layer():
    layer = RReLU(rng=7)
    function = compiled(layer)
    for training in (True, False, True):
        layer.train(training)
        assert torch.equal(function(X), layer(X))


@pytest.mark.parametrize("where", ["inplace", "out"])
def test_writing(where):
    def function(x, out):
        return rrelu(x, training=True, rng=7, **({"inplace": True} if where == "inplace" else {"out": out}))

    x, out = X.clone(), torch.zeros_like(X)
    assert torch.equal(compiled(function)(x, out), FUNCTIONS["training"](X))
    assert torch.equal(x if where == "inplace" else out, FUNCTIONS["training"](X))


def test_writing_over_a_variable_keeps_its_gradient():
    x = X.clone().requires_grad_()
    compiled(lambda x: rrelu(x * 1, -0.5, 0.5, training=True, rng=7, inplace=True))(x).sum().backward()
    assert torch.equal(x.grad, factor(X, 7, -0.5, 0.5))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"lower": 2.0}, "lower must not exceed upper, got lower=2.0"), ({"rng": -1}, r"must lie in \[0, 2\*\*64\), got -1")],
)
def test_wrong_arguments_are_named(wrong, message):
    with pytest.raises(Exception, match=message):
        compiled(lambda x: rrelu(x, training=True, **wrong))(X)


# How it is imported


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore:Failed to initialize NumPy", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_dynamo_is_not_imported_before_it_is_needed():
    code = "import sys, torch, multirrelu; multirrelu.rrelu(torch.ones(3), training=True); print('torch._dynamo' in sys.modules)"
    assert run(code) == "False"


@pytest.mark.parametrize("order", ["import multirrelu, torch", "import torch, multirrelu"])
def test_the_order_of_imports_does_not_matter(order):
    code = f"""{order}
function = torch.compile(lambda x: multirrelu.rrelu(x, training=True, rng=42), fullgraph=True, backend="aot_eager")
print(function(torch.tensor([-1.0, 2.0])).tolist(), multirrelu.backend_for(torch.ones(1)).scale.__module__)
"""
    assert run(code) == f"{rrelu(torch.tensor([-1.0, 2.0]), training=True, rng=42).tolist()} multirrelu_backends.torch.routes"


def test_the_backend_can_be_imported_first():
    assert run("import torch, multirrelu_backends.torch, multirrelu; print(multirrelu.backend_for(torch.ones(1)).scale.__module__)") == (
        "multirrelu_backends.torch.routes"
    )


def test_slopes_as_an_argument():
    function = compiled(scale)
    for slopes in (Slopes(0.1, 0.3, 7), Slopes(0.1, 0.4, 2**64 - 7, offset=2**63), Slopes(-0.2, 0.3, 8, 5, (0, 1)), 0.25, 0.5):
        assert torch.equal(function(X, -X, slopes), scale(X, -X, slopes))
