"""The PyTorch layer: in the place of ``torch.nn.RReLU`` in every respect, and what puts it there."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu.layers.torch import RReLU, convert_rrelu  # noqa: E402

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("arguments", [(), (0.1, 0.3), (0.1, 0.3, True), (0.2, 0.2), (0, 1)], ids=str)
def test_its_parameters_are_those_of_nn_rrelu(arguments):
    ours, theirs = RReLU(*arguments), nn.RReLU(*arguments)
    assert repr(ours) == repr(theirs)
    assert isinstance(ours, nn.RReLU)
    for name in ("lower", "upper", "inplace", "training"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.state_dict() == theirs.state_dict() == {}
    assert not list(ours.parameters())
    assert not list(ours.buffers())


def test_its_representation_shows_shared_axes():
    assert repr(RReLU(shared_axes=(2, 3))) == "RReLU(lower=0.125, upper=0.3333333333333333, shared_axes=(2, 3))"


@pytest.mark.parametrize("bounds", [(1 / 8, 1 / 3), (-0.1, 0.6)], ids=str)
def test_evaluation_is_that_of_nn_rrelu(bounds):
    assert torch.equal(RReLU(*bounds).eval()(X), nn.RReLU(*bounds).eval()(X))


def test_its_modes():
    layer = RReLU(rng=7)
    assert torch.equal(layer(X), multirrelu.rrelu(X, training=True, rng=7))
    assert torch.equal(layer.eval()(X), multirrelu.rrelu(X))
    assert torch.equal(layer.train()(X), multirrelu.rrelu(X, training=True, rng=7))


def test_in_place_and_shared_axes():
    x = X.clone()
    assert RReLU(inplace=True, rng=7, shared_axes=0)(x) is x
    assert torch.equal(x, multirrelu.rrelu(X, training=True, rng=7, shared_axes=0))


def test_manual_seed_rules():
    layer, results = RReLU(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(layer(X))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def saved_and_loaded(layer):
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer)), saved_and_loaded])
def test_a_copy_is_the_same_layer(copied):
    layer = RReLU(0.1, 0.3, rng=torch.Generator().manual_seed(3), shared_axes=1).eval()
    twin = copied(layer)
    assert repr(twin) == repr(layer)
    assert not twin.training
    assert torch.equal(twin.train()(X), layer.train()(X))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"lower": 0.5}, ValueError, r"^lower must not exceed upper, got lower=0\.5"),
        ({"upper": True}, TypeError, r"^upper must be a real number, got True"),
        ({"rng": 0.5}, TypeError, r"^rng must be an int .+; got 0\.5 of type float$"),
    ],
)
def test_wrong_arguments_are_refused_at_once(wrong, error, message):
    with pytest.raises(error, match=message):
        RReLU(**wrong)


# Conversion


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.RReLU(0.1, 0.3)
        self.body = nn.Sequential(nn.Linear(6, 6), self.act, nn.ModuleDict({"x": nn.RReLU(inplace=True)})["x"])
        self.ours = RReLU(rng=3)
        self.other = nn.LeakyReLU()


def test_every_layer_of_a_model_is_converted():
    model = Model().eval()
    ours = model.ours
    assert convert_rrelu(model, rng=7, shared_axes=0) is model
    assert [type(m) for m in model.modules() if isinstance(m, nn.RReLU)] == [RReLU] * 3
    assert model.act is model.body[1]
    assert (model.act.lower, model.act.upper, model.act.inplace, model.act.training) == (0.1, 0.3, False, False)
    assert (model.act.rng, model.act.shared_axes) == (7, 0)
    assert model.body[2].inplace
    assert model.ours is ours
    assert type(model.other) is nn.LeakyReLU
    assert model.body(X).shape == X.shape


def test_a_layer_by_itself_is_converted():
    layer = nn.RReLU(0.1, 0.3).eval()
    assert convert_rrelu(layer, rng=7) is layer
    assert (type(layer), layer.lower, layer.training) == (RReLU, 0.1, False)
    assert torch.equal(layer.train()(X), multirrelu.rrelu(X, 0.1, 0.3, training=True, rng=7))


def test_a_layer_with_wrong_bounds_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.RReLU(), nn.RReLU(0.5, 0.1))
    with pytest.raises(ValueError, match=r"^lower must not exceed upper, got lower=0\.5 and upper=0\.1$"):
        convert_rrelu(model)
    assert [type(m) for m in model] == [nn.RReLU, nn.RReLU]


def test_hooks_see_the_layer():
    seen = []
    model = nn.Sequential(nn.RReLU())
    model[0].register_forward_hook(lambda module, args, output: seen.append(type(module)))
    convert_rrelu(model)(X)
    assert seen == [RReLU]


# Training that is spread over processes: one process is enough to see that nothing of the layer is in the way


@pytest.fixture
def group(tmp_path):
    if not torch.distributed.is_available():
        pytest.skip("this PyTorch is built without torch.distributed")
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore:.*barrier.*:UserWarning")
@pytest.mark.parametrize("way", ["ddp", "fsdp"])
def test_data_parallel_training(group, way):
    def net():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(6, 6), RReLU(rng=7), nn.Linear(6, 1))

    plain, model = net(), net()
    if way == "ddp":
        wrapped = nn.parallel.DistributedDataParallel(model)
    else:
        wrapped = torch.distributed.fsdp.fully_shard(model, mesh=torch.distributed.device_mesh.init_device_mesh("cpu", (1,)))
    for m in (plain, wrapped):
        m(X).sum().backward()
    for one, other in zip(plain.parameters(), model.parameters(), strict=True):
        grad = other.grad.full_tensor() if hasattr(other.grad, "full_tensor") else other.grad
        torch.testing.assert_close(grad, one.grad)


def test_a_symbolic_trace_is_one_call():
    model = convert_rrelu(nn.Sequential(nn.Linear(6, 6), nn.RReLU()), rng=7)
    graph = torch.fx.symbolic_trace(model)
    assert "rrelu" in [node.name for node in graph.graph.nodes]
    assert torch.equal(graph(X), model(X))


def test_layers_are_found_by_the_name_of_their_framework():
    assert multirrelu.layers.torch.RReLU is RReLU
    with pytest.raises(AttributeError, match=r"^module 'multirrelu\.layers' has no attribute 'tensorflow'$"):
        _ = multirrelu.layers.tensorflow
