"""Tools that take a model apart: `torch.fx`, its quantisation and pruning passes, and TorchScript."""

from __future__ import annotations

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")

from torch import fx, nn  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu import rrelu as plain_rrelu  # noqa: E402
from multirrelu.layers.torch import RReLU, convert_rrelu, restore_rrelu, rrelu  # noqa: E402

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
fx.wrap("plain_rrelu")  # at the top level of a module, where alone it works

pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*is deprecated. Please switch to:DeprecationWarning"),
]


def draws(model, x=X):
    return not torch.equal(model(x.clone()), model(x.clone()))


@pytest.mark.parametrize("training", [True, False])
def test_a_trace_asks_the_layer_for_its_mode(training):
    model = nn.Sequential(nn.Identity(), RReLU())
    graph = fx.symbolic_trace(model.train(training))
    assert [(node.op, node.target) for node in graph.graph.nodes][1:3] == [("call_module", "0"), ("call_module", "1")]
    for mode in (False, True):
        assert draws(graph.train(mode)) is mode
    assert torch.equal(graph.eval()(X), plain_rrelu(X))


def test_a_trace_is_that_of_pytorchs_layer():
    nets = [nn.Sequential(nn.Linear(6, 6), kind(), nn.Sequential(kind(0.1, 0.3, True))) for kind in (nn.RReLU, RReLU)]
    theirs, ours = (fx.symbolic_trace(net) for net in nets)
    assert ours.code == theirs.code
    stacks = [[node.meta.get("nn_module_stack", {}).keys() for node in graph.graph.nodes] for graph in (theirs, ours)]
    assert stacks[0] == stacks[1]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph)), fx.symbolic_trace])
def test_a_graph_can_be_copied_and_traced_again(again):
    graph = again(fx.symbolic_trace(nn.Sequential(RReLU(rng=7))))
    assert torch.equal(graph(X), plain_rrelu(X, training=True, rng=7))
    assert not draws(graph.eval())


def test_hooks_run_when_the_graph_does():
    model, seen = nn.Sequential(RReLU(rng=7)), []
    model[0].register_forward_pre_hook(lambda module, args: seen.append(type(args[0])) or (args[0] - 1,))
    model[0].register_forward_hook(lambda module, args, y: y * 2)
    graph = fx.symbolic_trace(model)
    assert seen == []
    assert torch.equal(graph(X), plain_rrelu(X - 1, training=True, rng=7) * 2)
    assert seen == [torch.Tensor]


def test_in_place_and_one_layer_in_two_places():
    act = RReLU(inplace=True, rng=7)
    graph = fx.symbolic_trace(nn.Sequential(act, nn.Identity(), act))
    assert [node.target for node in graph.graph.nodes if node.op == "call_module"] == ["0", "1", "0"]
    x = X.clone()
    assert graph(x) is x
    once = plain_rrelu(X, training=True, rng=7)
    assert torch.equal(x, plain_rrelu(once, training=True, rng=7))


class Caller(nn.Module):
    def __init__(self, call):
        super().__init__()
        self.act, self.call = RReLU(rng=7), call

    def forward(self, x):
        return self.call(self.act, x)


@pytest.mark.parametrize("call", [lambda act, x: act(input=x), lambda act, x: act.forward(x)], ids=["keyword", "forward"])
def test_other_ways_to_call_it(call):
    graph = fx.symbolic_trace(Caller(call))
    assert torch.equal(graph(X), plain_rrelu(X, training=True, rng=7))
    assert torch.equal(graph.eval()(X), plain_rrelu(X))


def test_a_tracer_without_leaves():
    class Deep(fx.Tracer):
        def is_leaf_module(self, module, name):
            return False

    model = nn.Sequential(RReLU())
    graph = fx.GraphModule(model, Deep().trace(model))
    assert draws(graph)
    assert not draws(graph.eval())


def test_a_layer_by_itself_is_not_traced():
    with pytest.raises(TypeError, match=r"^torch\.fx cannot trace RReLU by itself: trace a model that has it, such as torch\.nn\."):
        fx.symbolic_trace(RReLU())


@pytest.mark.parametrize("function", [rrelu, lambda x, *args: plain_rrelu(x, *args[:2], training=args[2], rng=7)], ids=["rrelu", "wrapped"])
def test_functions_are_one_call_with_the_mode_of_the_trace(function):
    class Functional(nn.Module):
        def forward(self, x):
            return function(x, 0.1, 0.3, self.training)

    graph = fx.symbolic_trace(Functional())
    assert [node.op for node in graph.graph.nodes] == ["placeholder", "call_function", "output"]
    assert not torch.equal(graph.eval()(X), plain_rrelu(X, 0.1, 0.3))  # as PyTorch's own functions do: the layer asks, and they cannot
    assert torch.equal(fx.symbolic_trace(Functional().eval())(X), plain_rrelu(X, 0.1, 0.3))


@pytest.mark.parametrize("function", [multirrelu.rrelu, multirrelu.rrelu_vjp, multirrelu.RReLU(rng=7)])
def test_a_function_that_is_not_wrapped_is_refused_with_both_ways(function):
    with pytest.raises(TypeError, match=r"call torch\.fx\.wrap\('rrelu'\) in the module .+, or use multirrelu\.layers\.torch\.RReLU$"):
        fx.symbolic_trace(Caller(lambda _, x: function(x)))


# Quantisation and pruning


QUIET = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")


def prepared(model, way):
    from torch.ao.quantization import get_default_qat_qconfig_mapping, quantize_fx

    torch.manual_seed(0)
    return getattr(quantize_fx, way)(model, get_default_qat_qconfig_mapping("x86"), (X,))


def int8(graph):
    from torch.ao.quantization.quantize_fx import convert_fx

    graph(X)  # which the observers need to see
    return convert_fx(copy.deepcopy(graph).eval())


def nets():
    both = [nn.Sequential(nn.Linear(6, 6), kind(), nn.Linear(6, 6)) for kind in (nn.RReLU, RReLU)]
    both[1].load_state_dict(both[0].state_dict())
    return both


@QUIET
def test_quantisation_aware_training():
    graph = prepared(nets()[1].train(), "prepare_qat_fx")
    assert draws(graph)
    final = int8(graph)
    assert not draws(graph.apply(torch.ao.quantization.disable_observer).eval())  # observers average over calls, whatever the mode
    assert not draws(final)
    assert type(final.get_submodule("1")) is RReLU


@QUIET
def test_a_quantised_model_is_that_of_pytorchs_layer():
    theirs, ours = (int8(prepared(net.eval(), "prepare_fx")) for net in nets())
    assert "quantize_per_tensor" in ours.code
    assert ours.code == theirs.code
    assert torch.equal(ours(X), theirs(X))


def test_a_pass_that_knows_exact_types_finds_a_restored_layer():
    from torch.ao.pruning._experimental.pruner.match_utils import apply_match

    model = nn.Sequential(nn.Linear(6, 6), RReLU(), nn.Linear(6, 6))
    for restored in (False, True):
        graph = fx.symbolic_trace(restore_rrelu(model) if restored else model)
        first = next(node for node in graph.graph.nodes if node.op == "call_module")
        assert bool(apply_match(dict(graph.named_modules()), (nn.Linear, nn.RReLU, nn.Linear), first, [])) is restored
    assert draws(convert_rrelu(graph))


# TorchScript


@pytest.mark.parametrize("make", [RReLU, lambda: nn.Sequential(nn.Linear(6, 6), nn.Sequential(RReLU()))], ids=["layer", "model"])
def test_a_script_is_refused_in_one_line(make):
    with pytest.raises(
        NotImplementedError,
        match=r"^torch\.jit\.script cannot read multirrelu's RReLU: call torch\.jit\.trace\(model\.eval\(\), example\), "
        r"or multirrelu\.layers\.torch\.restore_rrelu\(model\) first$",
    ):
        torch.jit.script(make())


def test_both_ways_that_it_names():
    model = nn.Sequential(nn.Linear(6, 6), RReLU()).eval()
    expected = model(X)
    assert torch.equal(torch.jit.trace(model, X)(X), expected)
    assert torch.equal(torch.jit.script(restore_rrelu(model))(X), expected)
