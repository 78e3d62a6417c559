"""`torch.export`, with decompositions, and ONNX by the exporter of today, run in onnxruntime."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from backends.pytorch.common import ours_and_theirs  # noqa: E402
from multirrelu import Slopes, draw_slopes, rrelu, scale, scale_at  # noqa: E402
from multirrelu.layers.torch import RReLU  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning")  # PyTorch uses it itself

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


def model(**arguments):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 5), RReLU(**arguments), nn.Linear(5, 3))


def operators(program):
    return {str(node.target) for node in program.graph.nodes if node.op == "call_function"}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_export(training, strict):
    net = model(rng=7).train(training)
    batch = torch.export.Dim("batch")
    program = torch.export.export(net, (X,), dynamic_shapes=({0: batch},), strict=strict)
    for some in (program, program.run_decompositions()):
        assert ("multirrelu.scale.default" in operators(some)) == training
        for x in (X, torch.cat([X, -X])):
            torch.testing.assert_close(some.module()(x), net(x))


@pytest.mark.parametrize("strict", [True, False])
def test_an_exported_program_draws_from_the_global_generator(strict):
    net = model()
    program = torch.export.export(net, (X,), strict=strict)
    assert {"multirrelu.draw_key.default", "multirrelu.scale.default"} <= operators(program)
    torch.manual_seed(5)
    expected = net(X)
    torch.manual_seed(5)
    torch.testing.assert_close(program.module()(X), expected)


def test_an_exported_program_is_saved_and_loaded(tmp_path):
    net = model(rng=7)
    torch.export.save(torch.export.export(net, (X,)), tmp_path / "model.pt2")
    torch.testing.assert_close(torch.export.load(tmp_path / "model.pt2").module()(X), net(X))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of the exporter's own parts
@ours_and_theirs("ONNX has no rrelu, and PyTorch's exporter no translation of its own", torch.onnx.errors.OnnxExporterError)
def test_onnx(layer, tmp_path):
    for module in ("onnx", "onnxscript"):
        pytest.importorskip(module)
    runtime = pytest.importorskip("onnxruntime")
    net, path = nn.Sequential(nn.Linear(6, 5), layer(), nn.Linear(5, 3)).eval(), tmp_path / "model.onnx"
    torch.onnx.export(net, (X,), path, dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for x in (X, torch.cat([X, -X])):
        (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), net(x).detach())


class Keyed(nn.Module):
    """RReLU of its input in training, under a key that is another input."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x, key):
        return HOW[self.how](x, key)


def somewhere(x):
    """Indices that do not count on."""
    return 3 * torch.arange(x.numel()).reshape(x.shape)


HOW = {
    "rrelu": lambda x, key: rrelu(x, training=True, rng=key),
    "offset": lambda x, key: scale(x, x, Slopes(-0.3, 0.7, key, offset=2**64 - 9)),
    "strides": lambda x, key: scale(-x, x, Slopes(0.1, 0.3, key, offset=2**63, strides=(0, 2**40 + 1))),
    "scale_at": lambda x, key: scale_at(x, x, somewhere(x), Slopes(0.1, 0.3, key, offset=5)),
    "draw_slopes": lambda x, key: draw_slopes(x, rng=key),
}


def exported(net, inputs, dynamic_shapes):
    """Return a session of onnxruntime for a model whose operators are all ONNX's own."""
    for module in ("onnx", "onnxscript"):
        pytest.importorskip(module)
    runtime = pytest.importorskip("onnxruntime")
    model = torch.onnx.export(net, inputs, dynamo=True, dynamic_shapes=dynamic_shapes, verbose=False).model_proto
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    return runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


TRAINED = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:Exporting a model while it is in training"
)


@TRAINED
@pytest.mark.parametrize("sizes", ["fixed", "unknown"])
@pytest.mark.parametrize("how", HOW)
def test_onnx_in_training_under_a_key_that_is_an_input(how, sizes):
    free = {0: torch.export.Dim("rows")} if sizes == "unknown" else {}
    session = exported(Keyed(how), (X, torch.tensor(42)), (free, None))
    for x in (X, torch.cat([X, -X]), X[:2])[: 3 if free else 1]:
        for key in (42, -5, 2**40):
            (y,) = session.run(
                None, dict(zip([given.name for given in session.get_inputs()], (x.numpy(), torch.tensor(key).numpy()), strict=True))
            )
            assert torch.equal(torch.from_numpy(y), HOW[how](x, key % 2**64))


@TRAINED
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_onnx_of_a_layer_in_training(dtype):
    x = X.to(dtype)
    session = exported(RReLU(rng=7), (x,), None)
    assert torch.equal(torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]), RReLU(rng=7)(x))


@TRAINED
def test_onnx_has_no_generator():
    pytest.importorskip("onnxscript")
    with pytest.raises(torch.onnx.errors.OnnxExporterError) as refused:
        torch.onnx.export(RReLU(), (X,), dynamo=True, verbose=False)
    assert "ONNX has no generator of keys: pass rng, a 0-d int64 tensor that is an input of the model, or an int" in str(refused.value)


@pytest.mark.parametrize("strict", [True, False])
def test_a_generator_is_not_baked_in(strict):
    numpy = pytest.importorskip("numpy")
    with pytest.raises(Exception, match="a generator passed as rng cannot be drawn from in a graph of PyTorch"):
        torch.export.export(model(rng=numpy.random.default_rng(1)), (X,), strict=strict)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")  # a trace holds for one shape
@pytest.mark.parametrize("training", [True, False])
def test_a_trace_of_torch_jit_holds_pytorchs_own_operators(training):
    net = model(rng=7).train(training)
    trace = torch.jit.trace(net, X)
    assert "multirrelu::" not in str(trace.inlined_graph)
    torch.testing.assert_close(trace(-X), net(-X))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_onnx_by_the_exporter_of_old(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    net, path = model().eval(), tmp_path / "model.onnx"
    torch.onnx.export(net, (X,), path, dynamo=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {session.get_inputs()[0].name: X.numpy()})
    torch.testing.assert_close(torch.from_numpy(y), net(X).detach())
