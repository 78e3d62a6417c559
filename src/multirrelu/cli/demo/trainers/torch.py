"""The classifier in PyTorch: autograd differentiates, and `multirrelu.rrelu` draws the same slopes again from the same keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from multirrelu import rrelu

from ..result import Point
from ..task import Bounds, Task

Layers: TypeAlias = Sequence[tuple[Tensor, Tensor]]


def train(task: Task, bounds: Bounds, done: Callable[[], None]) -> list[Point]:
    """Train by stochastic gradient descent with momentum, and return a point for each epoch."""
    layers = parameters(task)
    optimizer = torch.optim.SGD(chain.from_iterable(layers), lr=task.settings.rate, momentum=task.settings.momentum)
    images, labels = map(torch.from_numpy, task.train)
    unseen, right = map(torch.from_numpy, task.test)
    points = []
    with one_thread():
        for batches, keys in zip(task.batches, task.keys, strict=True):
            for batch, step_keys in zip(torch.from_numpy(batches), keys, strict=True):
                optimizer.zero_grad()
                cross_entropy(logits(layers, images[batch], bounds, step_keys), labels[batch]).backward()
                optimizer.step()
            points.append(Point(*evaluate(layers, images, labels, bounds), *evaluate(layers, unseen, right, bounds)))
            done()
    return points


def parameters(task: Task) -> Layers:
    """Return the weights of the task as parameters with their own memory."""
    return [(torch.tensor(matrix, requires_grad=True), torch.tensor(bias, requires_grad=True)) for matrix, bias in task.weights]


def logits(layers: Layers, images: Tensor, bounds: Bounds, keys: Sequence[int] | None) -> Tensor:
    """Return the logits of images: in training with a key for each hidden layer, in evaluation with None."""
    x = images
    for at, (matrix, bias) in enumerate(layers[:-1]):
        # In place, because the backward pass needs only the output where no slope is negative.
        x = rrelu(linear(x, matrix.T, bias), *bounds, training=keys is not None, inplace=True, rng=keys[at] if keys else None)
    matrix, bias = layers[-1]
    return linear(x, matrix.T, bias)


def evaluate(layers: Layers, images: Tensor, labels: Tensor, bounds: Bounds) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of right answers, with the constant slope of evaluation."""
    with torch.no_grad():
        said = logits(layers, images, bounds, None)
    return float(cross_entropy(said, labels)), float((said.argmax(1) == labels).double().mean())


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit PyTorch to one thread: with matrices as small as these, a second thread only waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
