"""What each of four processes checks of DTensors: every case compares the piece that is here with that of NumPy's array, bit for bit."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, SequenceParallel, parallelize_module
from torch.distributed.tensor.placement_types import _StridedShard
from torch.utils.checkpoint import checkpoint

from multirrelu import Slopes, draw_slopes, rrelu, rrelu_vjp, scale, scale_at
from multirrelu.layers.torch import RReLU

KEY = 0x123456789ABCDEF0
SHAPE = (7, 5, 3)  # no axis is a multiple of four, and the last leaves a process without a piece
R, S0, S1, S2 = Replicate(), Shard(0), Shard(1), Shard(2)

LAYOUTS = {
    "one": [(S0,)],
    "two": [(S0,), (S1,), (S2,), (R,)],
    "four": [(S0,), (S1,), (S2,), (R,)],
    "grid": [(S0, S1), (S1, S0), (S0, S0), (S2, S2), (S1, R), (R, S2), (R, R)],
}
X, G = (np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32) for seed in (0, 1))


def meshes() -> dict[str, DeviceMesh]:
    grid = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model"))
    return {"one": DeviceMesh("cpu", [0]), "two": grid["model"], "four": init_device_mesh("cpu", (4,)), "grid": grid}


def spread(array, mesh, placements) -> DTensor:
    return distribute_tensor(torch.tensor(array), mesh, placements, src_data_rank=None)


def same(actual, expected, placements=None) -> None:
    placements = actual.placements if placements is None else placements
    assert actual.placements == tuple(placements)
    assert actual.shape == expected.shape
    piece = spread(expected, actual.device_mesh, placements).to_local()
    assert actual.to_local().dtype == piece.dtype
    assert actual.detach().to_local().numpy().tobytes() == piece.numpy().tobytes()


def training(x, rng=KEY, **options):
    return rrelu(x, training=True, rng=rng, **options)


def pulled(g=G, x=X, *bounds, **options):
    return rrelu_vjp(x, *bounds, training=True, rng=KEY, **options)[1](g)


def forward(mesh, placements):
    y = training(spread(X, mesh, placements))
    same(y, training(X), placements)
    assert y.stride() == (15, 3, 1)


def double_precision(mesh, placements):
    wide = X.astype(np.float64)
    same(training(spread(wide, mesh, placements)), training(wide), placements)


def backward(mesh, placements):
    x = spread(X, mesh, placements).requires_grad_()
    training(x).backward(spread(G, mesh, placements))
    same(x.grad, pulled(), placements)


def negative_slopes(mesh, placements):
    x = spread(X, mesh, placements).requires_grad_()
    y = rrelu(x, -1, 1, training=True, rng=KEY)
    same(y, rrelu(X, -1, 1, training=True, rng=KEY), placements)
    y.backward(spread(G, mesh, placements))
    same(x.grad, pulled(G, X, -1, 1), placements)


def in_place(mesh, placements):
    leaf = spread(X, mesh, placements).requires_grad_()
    x = leaf * 1
    address, version = x.to_local().data_ptr(), x._version
    assert training(x, inplace=True) is x
    assert (x.to_local().data_ptr(), x._version) == (address, version + 1)
    same(x, training(X), placements)
    x.backward(spread(G, mesh, placements))
    same(leaf.grad, pulled(), placements)


def out(mesh, placements):
    place = spread(G, mesh, placements)
    assert training(spread(X, mesh, placements), out=place) is place
    same(place, training(X), placements)


def shared_axes(mesh, placements):
    same(training(spread(X, mesh, placements), shared_axes=(0, 2)), training(X, shared_axes=(0, 2)), placements)


def slopes(mesh, placements):
    same(draw_slopes(spread(X, mesh, placements), rng=KEY), draw_slopes(X, rng=KEY), placements)


def evaluation(mesh, placements):
    same(rrelu(spread(X, mesh, placements)), rrelu(X), placements)


def pullback(mesh, placements):
    y, pull = rrelu_vjp(spread(X, mesh, placements), training=True, rng=KEY)
    same(y, training(X), placements)
    same(pull(spread(G, mesh, placements)), pulled(), placements)


INDEX = np.random.default_rng(2).integers(-(2**63), 2**63, SHAPE)


def any_indices(mesh, placements):
    slopes, x, index = Slopes(-0.1, 0.3, KEY, 5), spread(X, mesh, placements).requires_grad_(), spread(INDEX, mesh, placements)
    y = scale_at(x, x, index, slopes)
    same(y, scale_at(X, X, INDEX, slopes), placements)
    y.backward(spread(G, mesh, placements))
    same(x.grad, scale_at(G, X, INDEX, slopes), placements)
    same(scale_at(x.detach(), x.detach(), index, 0.25), scale_at(X, X, INDEX, 0.25), placements)


OPERATIONS = (forward, double_precision, backward, negative_slopes, in_place, out, shared_axes, slopes, evaluation, pullback, any_indices)


def constant_in_training(mesh):
    x = spread(X, mesh, (S1, S0)).requires_grad_()
    y = rrelu(x, 0.25, 0.25, training=True, rng=KEY)
    y.backward(spread(G, mesh, (S1, S0)))
    same(y, rrelu(X, 0.25, 0.25, training=True, rng=KEY))
    same(x.grad, pulled(G, X, 0.25, 0.25))


def no_elements(mesh):
    same(training(spread(np.zeros((0, 3), np.float32), mesh, (S0, S1))), np.zeros((0, 3), np.float32))


def no_axes(mesh):
    same(training(spread(-np.ones(()), mesh, (R, R))), training(-np.ones(())))


def transposed(mesh):
    y = training(spread(X, mesh, (S0, S1)).transpose(0, 2))
    same(y, training(X.transpose(2, 1, 0)), (S2, S1))
    assert y.stride() == (1, 3, 15)


def broadcast(mesh):
    y = training(spread(X[:, :, :1], mesh, (S0, S1)).expand(SHAPE))
    same(y, training(np.broadcast_to(X[:, :, :1], SHAPE)))
    assert y.stride() == (15, 3, 1)


def own_offset_and_strides(mesh):
    whole = Slopes(0.1, 0.3, KEY, (1 << 64) - 2, (1, -7, 1 << 40))
    same(scale(spread(G, mesh, (S1, S0)), spread(X, mesh, (S1, S0)), whole), scale(G, X, whole))


def gate_elsewhere(mesh):
    whole = Slopes(0.1, 0.3, KEY)
    expected = scale(G, X, whole)
    same(scale(spread(G, mesh, (S0, R)), spread(X, mesh, (R, S1)), whole), expected, (S0, S1))
    same(scale(spread(G, mesh, (S0, S2)), spread(X, mesh, (S1, S0)), whole), expected, (S1, S0))
    same(scale(spread(G, mesh, (S1, S0)), spread(X, mesh, (S1, S0)), 0.25), scale(G, X, 0.25), (S1, S0))


def gradient_elsewhere(mesh):
    x = spread(X, mesh, (S1, R)).requires_grad_()
    training(x).backward(spread(G, mesh, (S0, S2)))
    same(x.grad, pulled(), (S1, S2))


def halves(array, mesh):
    """Return a sum that each process of the mesh's first axis has a half of; a half is exact."""
    return DTensor.from_local(torch.tensor(array / 2), mesh, (Partial(), R), run_check=False)


def a_sum_is_taken_first(mesh):
    x = halves(X, mesh).requires_grad_()
    y = training(x)
    same(y, training(X), (R, R))
    assert y.placements == torch.relu(x).placements
    y.backward(spread(G, mesh, (R, R)))
    same(x.grad, pulled(), (R, R))


def the_gradient_is_a_sum(mesh):
    x = spread(X, mesh, (S0, S1)).requires_grad_()
    training(x).backward(halves(G, mesh))
    same(x.grad, pulled(), (S0, S1))


def twice_backward(mesh):
    def second(x):
        (g,) = torch.autograd.grad((training(x) ** 2).sum(), x, create_graph=True)
        (g**2).sum().backward()
        return x.grad

    wide = X.astype(np.float64)
    same(second(spread(wide, mesh, (S0, S1)).requires_grad_()), second(torch.tensor(wide, requires_grad=True)).numpy())


def replayed(mesh):
    torch.manual_seed(dist.get_rank())
    x = spread(X, mesh, (S0, S1)).requires_grad_()
    y = checkpoint(lambda x: training(x, None) * 1, x, use_reentrant=False)
    y.backward(torch.ones_like(y))
    same(x.grad, draw_slopes(X, rng=torch.Generator().manual_seed(0)) * (X <= 0) + (X > 0))


def func_vjp(mesh):
    y, pull = torch.func.vjp(training, spread(X, mesh, (S0, S1)))
    same(y, training(X))
    same(pull(spread(G, mesh, (S0, S1)))[0], pulled())


def vmap(mesh):
    y = torch.vmap(training)(spread(X, mesh, (S1, S2)))
    same(y, np.stack([training(row) for row in X]))


def inference_mode(mesh):
    with torch.inference_mode():
        same(training(spread(X, mesh, (S0, S1))), training(X))


def int_keys_send_nothing(mesh):
    x, g = spread(X, mesh, (S0, S1)).requires_grad_(), spread(G, mesh, (S0, S1))
    with CommDebugMode() as sent:
        training(x).backward(g)
    assert sent.get_total_counts() == 0
    same(x.grad, pulled())


def seeds_that_differ(mesh):
    torch.manual_seed(10 + dist.get_rank())
    x = spread(X, mesh, (S0, R))
    with CommDebugMode() as sent:
        y = training(x, None)
    assert sent.get_total_counts() == 2  # one along each axis of the mesh
    same(y, training(X, torch.Generator().manual_seed(10)), (S0, R))  # the first process's
    after = torch.rand(())
    torch.manual_seed(10 + dist.get_rank())
    torch.randint(-(1 << 63), (1 << 63) - 1, (), dtype=torch.int64)
    assert after == torch.rand(())  # and each has drawn once from its own


def a_mesh_that_is_not_sorted(_):
    """PyTorch sorts the processes of a group, so that the first of a row of the mesh need not be the group's."""
    mesh = DeviceMesh("cpu", [[1, 0], [2, 3]])
    torch.manual_seed(10 + dist.get_rank())
    for rng, key in (None, torch.Generator().manual_seed(11)), (KEY, KEY):
        same(training(spread(X, mesh, (R, S1)), rng), training(X, key), (R, S1))


def equal_seeds(mesh):
    torch.manual_seed(7)
    y = training(spread(X, mesh, (R, S1)), None)
    torch.manual_seed(7)
    same(y, training(torch.tensor(X), None).numpy())


def a_generator_of_ones_own(mesh):
    same(training(spread(X, mesh, (R, S1)), np.random.default_rng(3)), training(X, np.random.default_rng(3)))
    same(training(spread(X, mesh, (R, S1)), torch.Generator().manual_seed(3)), training(X, torch.Generator().manual_seed(3)))


@contextmanager
def watched(layer):
    """Collect what a layer gets and returns."""
    seen = []
    handle = layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    yield seen
    handle.remove()


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), RReLU(rng=KEY), nn.Linear(8, 6))


BATCH = torch.tensor(np.random.default_rng(2).normal(size=(8, 6)).astype(np.float32))


def check_layer(seen, placements):
    ((x, y),) = seen
    same(y, training(x.full_tensor().detach().numpy()), placements)


def check_gradients(ours, reference):
    for one, other in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one.grad.full_tensor() if isinstance(one.grad, DTensor) else one.grad, other.grad)


def tensor_parallel(mesh):
    ours, reference = model(), model()
    plan = {"0": ColwiseParallel(use_local_output=False), "2": RowwiseParallel()}
    parallelize_module(ours, mesh["model"], plan)
    with watched(ours[1]) as seen:
        ours(BATCH).square().sum().backward()
    check_layer(seen, (S1,))
    reference(BATCH).square().sum().backward()
    check_gradients(ours, reference)


def sequence_parallel(mesh):
    ours = parallelize_module(model(), mesh["model"], {"1": SequenceParallel(sequence_dim=0)})
    with watched(ours[1]) as seen:
        ours[:2](BATCH)
    hidden = model()[0](BATCH).detach().numpy()  # each process had the whole of it, and takes it for its piece
    ((_, y),) = seen
    same(y, training(np.concatenate([hidden, hidden])), (S0,))


def fully_sharded(mesh):
    ours, reference = model(), model()
    fully_shard(ours, mesh=mesh["data"])
    with watched(ours[1]) as seen:
        ours(BATCH).square().sum().backward()
    ((x, y),) = seen
    assert type(x) is torch.Tensor  # each has a batch of its own
    assert y.detach().numpy().tobytes() == training(x.detach().numpy()).tobytes()
    reference(BATCH).square().sum().backward()
    check_gradients(ours, reference)


def both_kinds_of_parallel(mesh):
    ours, reference = model(), model()
    plan = {"0": ColwiseParallel(use_local_output=False), "2": RowwiseParallel()}
    fully_shard(parallelize_module(ours, mesh["model"], plan), mesh=mesh["data"])
    assert any(isinstance(one, _StridedShard) for p in ours.parameters() for one in p.placements)
    with watched(ours[1]) as seen:
        ours(BATCH).square().sum().backward()
    check_layer(seen, (S1,))
    reference(BATCH).square().sum().backward()
    check_gradients(ours, reference)


def compiled(function):
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager")


def graph(mesh):
    x = spread(X, mesh, (S0, S1)).requires_grad_()
    y = compiled(training)(x)
    y.backward(spread(G, mesh, (S0, S1)))
    same(y, training(X))
    same(x.grad, pulled())


def graph_that_draws_its_key(mesh):
    torch.manual_seed(20 + dist.get_rank())
    y = compiled(lambda x: training(x, None))(spread(X, mesh, (S0, R)))
    same(y, training(X, torch.Generator().manual_seed(20)))


def graph_of_slopes(mesh):
    same(compiled(lambda x: draw_slopes(x, rng=KEY))(spread(X, mesh, (S0, S1))), draw_slopes(X, rng=KEY))


def graph_in_place(mesh):
    x = spread(X, mesh, (S0, S1))
    compiled(lambda x: training(x, inplace=True))(x)
    same(x, training(X))


def graph_for_all_lengths(mesh):
    function = torch.compile(training, fullgraph=True, backend="aot_eager", dynamic=True)
    for length in (7, 9):
        x = np.random.default_rng(length).normal(size=(length, 5)).astype(np.float32)
        same(function(spread(x, mesh, (S0, S1))), training(x))


def graph_of_another_process(mesh):
    """PyTorch keeps graphs on disk under a name in which no rank is: what is in them must be the same for all."""
    from torch._dynamo.backends.common import aot_autograd

    codes = []

    def keep(module, inputs):
        codes.append(module.print_readable(print_output=False))
        return module

    torch._dynamo.reset()
    even = X[:4, :4]
    same(torch.compile(training, fullgraph=True, backend=aot_autograd(fw_compiler=keep))(spread(even, mesh, (S0, S1))), training(even))
    everywhere = [None] * 4
    dist.all_gather_object(everywhere, codes)
    assert "multirrelu.scale_piece" in codes[0]
    assert everywhere == [codes] * 4


def graph_of_a_process_outside(mesh):
    same(compiled(training)(spread(X, mesh, (S0,))), training(X))


def refused(mesh):
    x, plain = spread(X, mesh, (S0, S1)), torch.tensor(X)
    with pytest.raises(TypeError, match=r"out is a Tensor, but another argument is a DTensor"):
        training(x, out=plain)
    with pytest.raises(TypeError, match=r"x is a Tensor, but another argument is a DTensor"):
        scale(plain, x, 0.25)
    with pytest.raises(TypeError, match=r"index is a Tensor, but values is a DTensor: make both of them DTensors, or none"):
        scale_at(x, x, torch.tensor(INDEX), Slopes(0.1, 0.3, KEY))
    with pytest.raises(TypeError, match=r"index is a DTensor, but values is a Tensor: make both of them DTensors, or none"):
        scale_at(plain, plain, spread(INDEX, mesh, (S0, S1)), 0.25)
    with pytest.raises(ValueError, match=r"gate is on DeviceMesh\(\(data=2\), .*, but x is on DeviceMesh\(\(data=2, model=2\)"):
        scale(x, spread(X, mesh["data"], (S0,)), 0.25)
    with pytest.raises(ValueError, match=r"out is placed as \(Shard\(dim=1\), .*, but the result as \(Shard\(dim=0\)"):
        training(x, out=spread(X, mesh, (S1, S0)))
    with pytest.raises(ValueError, match=r"x is placed as \(Partial\(sum\), .*, but the result as \(Replicate\(\), "):
        training(halves(X, mesh), inplace=True)
    irregular = DTensor.from_local(torch.zeros(5, 3), mesh, (S0, S0), run_check=False, shape=torch.Size((6, 3)), stride=(3, 1))
    with pytest.raises(ValueError, match=r"x of shape \(6, 3\), .* has a piece of shape \([12], 3\) here, got one of \(5, 3\)"):
        training(irregular)
    with pytest.raises(ValueError, match=r"DTensors of one shape, .* have pieces of shapes \[\([12], 3\), \(5, 3\)\] here"):
        scale(spread(X[:6, 0], mesh, (S0, S0)), irregular, 0.25)
    with pytest.raises(TypeError, match=r"a DTensor has one key for all elements, got keys of shape \(7,\)"):
        torch.vmap(lambda x, key: scale(x, x, Slopes(0.1, 0.3, key)))(x, torch.arange(7))
    with pytest.raises(RuntimeError, match=r"a DTensor of shape \(7, 5, 3\) inside a transform of torch.func"):
        torch.func.vjp(lambda x: training(x, None), x)


def strided(mesh):
    x = DTensor.from_local(torch.tensor(X[:4]), mesh, (_StridedShard(0, split_factor=2), S0), run_check=False)
    with pytest.raises(TypeError, match=r"slopes are drawn for Shard, in the order of the mesh, and Replicate, .* placed as Spec\(.*S\(0"):
        training(x)
    assert rrelu(x).to_local().numpy().tobytes() == rrelu(X[:4]).tobytes()  # evaluation needs no place


def overlapping(mesh):
    memory = torch.zeros(10)
    one, other = (DTensor.from_local(part, mesh, (S0, R), run_check=False) for part in (memory[1:], memory[:-1]))
    with pytest.raises(ValueError, match="out overlaps x in part"):
        training(one, out=other)


ON_THE_GRID = (
    *(constant_in_training, no_elements, no_axes, transposed, broadcast, own_offset_and_strides, gate_elsewhere, gradient_elsewhere),
    *(a_sum_is_taken_first, the_gradient_is_a_sum, twice_backward, replayed, func_vjp, vmap, inference_mode),
    *(int_keys_send_nothing, seeds_that_differ, a_mesh_that_is_not_sorted, equal_seeds, a_generator_of_ones_own),
    *(tensor_parallel, sequence_parallel, fully_sharded, both_kinds_of_parallel),
    *(graph, graph_that_draws_its_key, graph_of_slopes, graph_in_place, graph_for_all_lengths, graph_of_another_process),
    *(refused, strided, overlapping),
)


def letters(placements) -> str:
    return "".join(f"S{one.dim}" if isinstance(one, Shard) else "R" for one in placements)


CASES = {
    f"{operation.__name__}-{mesh}-{letters(placements)}": (operation, mesh, placements)
    for operation in OPERATIONS
    for mesh, every in LAYOUTS.items()
    for placements in every
} | {case.__name__: (case, "grid") for case in ON_THE_GRID}
CASES[graph_of_a_process_outside.__name__] = graph_of_a_process_outside, "one"
