"""How the layer goes into what other libraries make models with: each row of the table on PyTorch's page."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from multirrelu.layers.torch import RReLU, convert_rrelu  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # what these libraries warn of when they are imported is not ours
package = pytest.importorskip

# The wheel of torchvision on PyPI is for PyTorch with CUDA: beside one without, its compiled operators cannot be loaded, and its import
# fails where it describes two of them. The rest of it is Python, and needs their names alone.
if torch.version.cuda is None and find_spec("torchvision"):
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def layers(model, count, lower=1 / 8, upper=1 / 3):
    """Check that a model has so many of our layers, and that they draw in training alone."""
    ours = [one for one in model.modules() if isinstance(one, RReLU)]
    assert len(ours) == count
    assert {(one.lower, one.upper) for one in ours} == {(lower, upper)}


def draws(call):
    return not torch.equal(call(), call())


def both_modes(model, *arguments):
    torch.manual_seed(0)
    with torch.no_grad():
        assert draws(lambda: model.train()(*arguments))
        assert not draws(lambda: model.eval()(*arguments))


def test_timm():
    model = package("timm").create_model("resnet10t", act_layer=RReLU, num_classes=3)
    assert sum(isinstance(one, RReLU) for one in model.modules()) == 11
    assert not any(isinstance(one, nn.ReLU) for one in model.modules())
    for one in model.modules():
        if isinstance(one, nn.BatchNorm2d):  # whose averages move in training
            one.track_running_stats = False
            one.running_mean = one.running_var = None
    both_modes(model, torch.randn(2, 3, 32, 32))


def test_torchvision():
    torchvision = package("torchvision")
    model = torchvision.ops.MLP(4, [8, 2], activation_layer=RReLU)
    layers(model, 1)
    both_modes(model, torch.randn(5, 4))
    layers(torchvision.ops.Conv2dNormActivation(3, 4, activation_layer=RReLU), 1)


def test_torchvisions_feature_extraction():
    extraction = package("torchvision.models.feature_extraction")
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(RReLU(rng=7)), nn.Linear(4, 2))
    assert extraction.get_graph_node_names(model) == (["input", "0", "1.0", "2"], ["input", "0", "1.0", "2"])
    features, x = extraction.create_feature_extractor(model, {"1.0": "act"}), torch.randn(5, 4)
    assert torch.equal(features(x)["act"], model[:2](x))
    assert not draws(lambda: features.eval()(x)["act"])


def test_monai():
    package("monai")
    factory = import_module("monai.networks.layers")
    factory.Act.add_factory_class("rrelu", RReLU)
    act = factory.get_act_layer(("rrelu", {"upper": 0.3}))
    layers(act, 1, upper=0.3)
    net = import_module("monai.networks.nets").BasicUNet(
        2, 1, 1, features=(4, 4, 8, 8, 8, 4), act=("rrelu", {"upper": 0.3}), norm="instance"
    )
    layers(net, 18, upper=0.3)
    both_modes(net, torch.randn(1, 1, 32, 32))


def test_monais_tensors_keep_what_they_know():
    tensor = package("monai.data").MetaTensor(torch.randn(1, 4, 4), meta={"name": "a"})
    assert RReLU()(tensor).meta["name"] == "a"


def test_transformers(monkeypatch):
    transformers = package("transformers")
    functions = import_module("transformers.activations").ACT2FN
    monkeypatch.setitem(functions, "rrelu", (RReLU, {"upper": 0.3}))
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 11}
    config = transformers.BertConfig(**sizes, hidden_act="rrelu", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = transformers.BertModel(config)
    layers(model, 2, upper=0.3)
    both_modes(lambda_of(model), torch.arange(5)[None])


class lambda_of(nn.Module):  # noqa: N801
    """A model whose result is one tensor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).last_hidden_state


def test_pytorch_geometric():
    package("torch_geometric")
    resolver = import_module("torch_geometric.nn.resolver").activation_resolver
    act = RReLU()
    assert resolver(act) is act
    assert isinstance(convert_rrelu(resolver("rrelu", upper=0.3)), RReLU)
    model = import_module("torch_geometric.nn").MLP([4, 8, 2], act=RReLU(), norm=None)
    layers(model, 1)
    both_modes(model, torch.randn(5, 4))


def test_captums_table():
    package("captum")
    deep_lift = import_module("captum.attr._core.deep_lift")
    table = deep_lift.SUPPORTED_NON_LINEAR
    net = nn.Sequential(nn.Linear(4, 4), RReLU(), nn.Linear(4, 1)).eval()
    x, base = torch.randn(5, 4), torch.zeros(5, 4)
    table[RReLU] = deep_lift.nonlinear
    try:
        attributions, delta = deep_lift.DeepLift(net).attribute(x, base, return_convergence_delta=True)
    finally:
        del table[RReLU]
    assert delta.abs().max() < 1e-5  # which is what DeepLift promises of a layer that it knows
    assert attributions.shape == x.shape


def test_torchinfo():
    summary = package("torchinfo").summary(nn.Sequential(nn.Linear(4, 4), RReLU()), (5, 4), verbose=0)
    assert "RReLU: 1-2" in str(summary)


@pytest.mark.parametrize("name", ["RReLU"])
def test_a_name_that_is_looked_up_in_torch_nn(name):
    model = convert_rrelu(nn.Sequential(getattr(nn, name)(0.1, 0.3)))
    layers(model, 1, 0.1, 0.3)
