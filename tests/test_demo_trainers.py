"""The demo's trainers: each learns, by the keys that it is given, and its curves lie on NumPy's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest

from multirrelu.cli.demo import trainers

ACTIVATIONS = ["ReLU", "leaky ReLU 0.01", "leaky ReLU 0.229", "RReLU"]


@pytest.fixture(scope="module")
def demo():
    """The demo's modules, where its extra is installed."""
    for name in ("numpy", "sklearn", "threadpoolctl"):
        pytest.importorskip(name)
    from multirrelu.cli.demo import task
    from multirrelu.cli.demo.trainers import numpy

    return SimpleNamespace(task=task, numpy=numpy)


@pytest.fixture(scope="module")
def small(demo):
    """A task of a second's training."""
    return demo.task.make_task(3, demo.task.Settings(seeds=2, epochs=4, hidden=(16, 12)))


@pytest.fixture(scope="module")
def trained(small) -> Callable[..., list]:
    """Return the curves that a trainer makes of the task, each of which several tests look at."""
    return cache(lambda train, bounds: train(small, bounds, lambda: None))


@pytest.fixture(params=trainers.names())
def train(demo, request) -> Callable[..., list]:
    """A library's trainer, where the library is installed."""
    pytest.importorskip(request.param)
    return trainers.load(request.param)


@pytest.fixture
def autograd(demo):
    """PyTorch's trainer."""
    pytest.importorskip("torch")
    from multirrelu.cli.demo.trainers import torch

    return torch


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_training_learns_and_repeats(demo, small, train, trained, name):
    kept = [array.copy() for layer in small.weights for array in layer]
    done = []
    points = train(small, demo.task.ACTIVATIONS[name], lambda: done.append(1))
    assert len(points) == len(done) == 4
    assert points[-1].train_loss < points[0].train_loss
    assert points[-1].train_accuracy > points[0].train_accuracy > 0.1
    assert trained(train, demo.task.ACTIVATIONS[name]) == points
    for before, after in zip(kept, (array for layer in small.weights for array in layer), strict=True):
        assert before.tobytes() == after.tobytes()  # the next activation starts from the same


@pytest.mark.parametrize(("name", "matter"), [("ReLU", False), ("leaky ReLU 0.229", False), ("RReLU", True)])
def test_keys_matter_to_rrelu_alone(demo, small, train, trained, name, matter):
    other = replace(small, keys=[[[key + 2**60 for key in step] for step in epoch] for epoch in small.keys])
    bounds = demo.task.ACTIVATIONS[name]
    assert (trained(train, bounds) != train(other, bounds, lambda: None)) == matter


@pytest.mark.parametrize("bounds", [(0.0, 0.0), (0.01, 0.01), (11 / 48, 11 / 48), (1 / 8, 1 / 3), (-0.5, 0.5)])
def test_curves_lie_on_numpys(demo, train, trained, bounds):
    """Libraries sum the products of a matrix in other orders: 2.1e-7 was seen, two units in float32's last place."""
    wanted, got = trained(demo.numpy.train, bounds), trained(train, bounds)
    assert [point._fields for point in got] == [point._fields for point in wanted]
    for theirs, ours in zip(wanted, got, strict=True):
        assert tuple(ours) == pytest.approx(tuple(theirs), rel=2e-5)


@pytest.mark.parametrize("bounds", [(0.0, 0.0), (1 / 8, 1 / 3), (-0.5, 0.5)])
def test_autograd_gives_the_gradient_made_by_hand(demo, small, autograd, np, torch, bounds):
    images, labels, keys = small.train[0][:20], small.train[1][:20], small.keys[1][5]
    layers = autograd.parameters(small)
    said = autograd.logits(layers, torch.from_numpy(images), bounds, keys)
    torch.nn.functional.cross_entropy(said, torch.from_numpy(labels)).backward()
    for layer, parts in zip(layers, demo.numpy.gradient(small.weights, images, labels, bounds, keys), strict=True):
        for parameter, part in zip(layer, parts, strict=True):
            np.testing.assert_allclose(parameter.grad.numpy(), part, rtol=1e-4, atol=1e-6)


def test_autograd_evaluates_as_numpy_does(demo, small, autograd, torch):
    got = autograd.evaluate(autograd.parameters(small), *map(torch.from_numpy, small.test), (1 / 8, 1 / 3))
    assert got == pytest.approx(demo.numpy.evaluate(small.weights, *small.test, (1 / 8, 1 / 3)), rel=1e-6)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_pytorch_has_its_threads_back(demo, small, autograd, torch, error):
    before, seen = torch.get_num_threads(), []

    def done():
        seen.append(torch.get_num_threads())
        if error:
            raise error

    torch.set_num_threads(2)
    try:
        if error:
            with pytest.raises(error):
                autograd.train(small, (0.0, 0.0), done)
        else:
            autograd.train(small, (0.0, 0.0), done)
        assert torch.get_num_threads() == 2
        assert set(seen) == {1}
    finally:
        torch.set_num_threads(before)


def test_keras_says_what_is_behind_it(demo):
    keras = pytest.importorskip("keras")
    assert trainers.label("keras") == f"keras on {keras.backend.backend()}"


def test_keras_without_what_is_behind_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "multirrelu.cli.demo.trainers.keras", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)  # as where a module that Keras imports is not there
    with pytest.raises(ImportError, match=r"^Keras cannot be imported \(.+\): set KERAS_BACKEND to tensorflow, jax or torch, and install"):
        trainers.load("keras")
