"""The PyTorch layer: in the place of ``torch.nn.RReLU`` in every respect, and what puts it there."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from typing import ClassVar

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu.layers.torch import RReLU, rrelu  # noqa: E402
from multirrelu_backends.torch import dense  # noqa: E402

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


def test_the_function_has_the_arguments_of_pytorchs():
    theirs, ours = (inspect.signature(function).parameters.values() for function in (nn.functional.rrelu, rrelu))
    assert [(one.name, one.kind, one.default) for one in ours][: len(theirs)] == [(one.name, one.kind, one.default) for one in theirs]
    assert torch.equal(rrelu(X, 0.1, 0.3, True, rng=7), multirrelu.rrelu(X, 0.1, 0.3, training=True, rng=7))
    assert torch.equal(rrelu(X, 0.1, 0.3, False), nn.functional.rrelu(X, 0.1, 0.3, False))
    x = X.clone()
    assert rrelu(x, 0.1, 0.3, True, True, rng=7, shared_axes=0) is x
    assert torch.equal(x, multirrelu.rrelu(X, 0.1, 0.3, training=True, rng=7, shared_axes=0))


def test_a_tensor_class_sees_the_function():
    class Noted(torch.Tensor):
        seen: ClassVar = []

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            cls.seen.append(function)
            return super().__torch_function__(function, types, args, kwargs)

    x = X.clone().as_subclass(Noted)
    Noted.seen.clear()
    for y in (rrelu(x, training=True, rng=7), RReLU(rng=7)(x)):
        assert type(y) is Noted
        assert torch.equal(y.as_subclass(torch.Tensor), multirrelu.rrelu(X, training=True, rng=7))
    assert Noted.seen.count(rrelu) == 2


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


# What the backward pass keeps


def gradient(layer, x=X, over=False):
    x = x.clone().requires_grad_()
    y = layer(x * 1)
    if over:
        y += x
    y.square().sum().backward()
    return x.grad


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.1, 0.3)], ids=str)
def test_a_layer_that_keeps_its_input_lets_its_output_be_written_over(bounds, training):
    kept, plain = (RReLU(*bounds, rng=7, keep_input=keep).train(training) for keep in (True, False))
    assert torch.equal(gradient(kept), gradient(plain))
    assert torch.equal(gradient(kept, over=True), gradient(lambda x: plain(x) + x))


def test_a_layer_that_keeps_its_output_says_so_where_that_is_written_over():
    x = torch.randn(dense.MOST + 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradient(RReLU(rng=7), x, over=True)


def test_the_output_of_a_small_tensor_may_be_written_over():
    pytest.importorskip("numba")
    layer = RReLU(rng=7)
    assert torch.equal(gradient(layer, over=True), gradient(lambda x: layer(x) + x))


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_kept(keep):
    kept, x = [], torch.randn(dense.MOST + 1, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        y = RReLU(keep_input=keep)(x)
    assert [t.data_ptr() for t in kept[:1]] == [(x if keep else y).data_ptr()]
    assert sum(t.nbytes for t in kept) == x.nbytes  # the key is a number


def test_an_input_that_is_kept_must_not_be_written_over():
    x = X.clone().requires_grad_() * 1
    y = RReLU(keep_input=True)(x)
    x += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    for make in (lambda: RReLU(inplace=True, keep_input=True), lambda: rrelu(X, inplace=True, keep_input=True)):
        with pytest.raises(ValueError, match=r"^inplace=True writes over the input, which keep_input=True keeps: leave one of them$"):
            make()


def test_transforms_of_a_layer_that_keeps_its_input():
    kept, plain = RReLU(rng=7, keep_input=True), RReLU(rng=7)
    for transform in (torch.func.jacrev, torch.func.jacfwd, torch.vmap):
        assert torch.equal(transform(kept)(X[0]), transform(plain)(X[0]))
    one, other = (torch.func.hessian(lambda x, layer=layer: layer(x).square().sum())(X[0]) for layer in (kept, plain))
    assert torch.equal(one, other)


def test_it_says_that_it_keeps_its_input():
    assert repr(RReLU(keep_input=True)) == "RReLU(lower=0.125, upper=0.3333333333333333, keep_input=True)"


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
        fsdp = pytest.importorskip("torch.distributed.fsdp")
        wrapped = fsdp.fully_shard(model, mesh=torch.distributed.device_mesh.init_device_mesh("cpu", (1,)))
    for m in (plain, wrapped):
        m(X).sum().backward()
    for one, other in zip(plain.parameters(), model.parameters(), strict=True):
        grad = other.grad.full_tensor() if hasattr(other.grad, "full_tensor") else other.grad
        torch.testing.assert_close(grad, one.grad)


def test_layers_are_found_by_the_name_of_their_framework():
    assert multirrelu.layers.torch.RReLU is RReLU
    with pytest.raises(AttributeError, match=r"^module 'multirrelu\.layers' has no attribute 'tensorflow'$"):
        _ = multirrelu.layers.tensorflow
