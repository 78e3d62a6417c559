"""Activation checkpointing: the recomputation draws the same slopes, or is refused."""

from __future__ import annotations

import sys
import types

import pytest

torch = pytest.importorskip("torch")

from torch.utils.checkpoint import checkpoint, checkpoint_sequential  # noqa: E402

from backends.pytorch.common import SILENTLY_WRONG, applied, factor, ours_and_theirs  # noqa: E402
from multirrelu import rrelu  # noqa: E402
from multirrelu.layers.torch import RReLU  # noqa: E402


@pytest.fixture
def x():
    return torch.randn(500, generator=torch.Generator().manual_seed(0)).requires_grad_()


@ours_and_theirs(SILENTLY_WRONG, AssertionError)
def test_not_reentrant(layer, x, unset_memory_is_nan):
    y = checkpoint(layer(), x, use_reentrant=False)
    y.sum().backward()
    torch.testing.assert_close(x.grad, applied(x, y))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_both_kinds(x, use_reentrant, inplace):
    act = RReLU(inplace=inplace)
    torch.manual_seed(5)
    y = checkpoint(lambda t: act(t * 1) * 1, x, use_reentrant=use_reentrant)
    y.sum().backward()
    torch.testing.assert_close(x.grad, applied(x, y))


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_an_integer_is_replayed(x, use_reentrant):
    checkpoint(lambda t: rrelu(t, training=True, rng=7), x, use_reentrant=use_reentrant).sum().backward()
    assert torch.equal(x.grad, factor(x, 7))


def test_later_layers_see_the_same_activations(x):
    layers = [torch.nn.Linear(500, 8), RReLU(), torch.nn.Linear(8, 4), RReLU(), torch.nn.Linear(4, 1)]
    net, gradients = torch.nn.Sequential(*layers), []
    for function in (net, lambda t: checkpoint_sequential(net, 2, t, use_reentrant=False)):
        net.zero_grad()
        torch.manual_seed(5)
        function(x).sum().backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain)


@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.parametrize("which", ["torch", "numpy"])
def test_a_generator_is_refused(x, which, use_reentrant):
    rng = torch.Generator().manual_seed(3) if which == "torch" else pytest.importorskip("numpy").random.default_rng(3)
    before = str(rng.get_state() if which == "torch" else rng.bit_generator.state)
    with pytest.raises(RuntimeError, match=r"^a generator passed as rng is not replayed by torch\.utils\.checkpoint.*pass rng=None"):
        checkpoint(lambda t: rrelu(t, training=True, rng=rng), x, use_reentrant=use_reentrant)
    assert str(rng.get_state() if which == "torch" else rng.bit_generator.state) == before
    rrelu(x, training=True, rng=rng)  # and is welcome elsewhere
    checkpoint(lambda t: rrelu(t, rng=rng), x, use_reentrant=use_reentrant)  # in evaluation too, where it is not drawn from


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_a_seed_is_replayed(x, use_reentrant):
    pytest.importorskip("numpy")
    y = checkpoint(lambda t: rrelu(t, training=True, rng=[1, 2]), x, use_reentrant=use_reentrant)
    y.sum().backward()
    torch.testing.assert_close(x.grad, applied(x, y))


def test_a_generator_is_refused_where_pytorch_has_no_sources(x):
    """As in a frozen application: the frames of what is compiled have a name of a file that does not exist."""
    module = types.ModuleType("torch.utils.checkpoint")
    exec(compile("def run(function, *args):\n    return function(*args)\n", "<frozen>", "exec"), vars(module))
    with pytest.raises(RuntimeError, match=r"^a generator passed as rng is not replayed by torch\.utils\.checkpoint"):
        module.run(lambda: rrelu(x, training=True, rng=torch.Generator()))


def test_nobody_looks_for_checkpoints_that_were_never_imported(x, monkeypatch):
    def walk(module):
        raise AssertionError("the stack was walked")

    monkeypatch.setattr("multirrelu_backends.torch.checks._runs", walk)
    monkeypatch.delitem(sys.modules, "torch.utils.checkpoint")
    rrelu(x, training=True, rng=torch.Generator())
    monkeypatch.undo()
    rrelu(x, training=True, rng=torch.Generator())


@pytest.mark.parametrize("rng", [None, 3, [1, 2]], ids=repr)
def test_nor_for_what_has_no_state(x, monkeypatch, rng):
    pytest.importorskip("numpy")

    def walk(module):
        raise AssertionError("the stack was walked")

    monkeypatch.setattr("multirrelu_backends.torch.checks._runs", walk)
    rrelu(x, training=True, rng=rng)
