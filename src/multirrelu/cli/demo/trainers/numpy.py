"""The classifier in plain NumPy, with a backward pass written by hand: `multirrelu.rrelu_vjp` differentiates the activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, import-not-found, unused-ignore]

from multirrelu import rrelu, rrelu_vjp

from ..result import Point
from ..task import Array, Bounds, Task

Layers: TypeAlias = Sequence[tuple[Array, Array]]


def train(task: Task, bounds: Bounds, done: Callable[[], None]) -> list[Point]:
    """Train by stochastic gradient descent with momentum, and return a point for each epoch."""
    layers = [(matrix.copy(), bias.copy()) for matrix, bias in task.weights]
    speeds = [(np.zeros_like(matrix), np.zeros_like(bias)) for matrix, bias in layers]
    points = []
    with threadpool_limits(limits=1, user_api="blas"):  # with matrices as small as these, a second thread only waits
        for batches, keys in zip(task.batches, task.keys, strict=True):
            epoch(task, layers, speeds, bounds, batches, keys)
            points.append(Point(*evaluate(layers, *task.train, bounds), *evaluate(layers, *task.test, bounds)))
            done()
    return points


def epoch(task: Task, layers: Layers, speeds: Layers, bounds: Bounds, batches: Array, keys: Sequence[Sequence[int]]) -> None:
    """Take the steps of an epoch, in place."""
    images, labels = task.train
    for batch, step_keys in zip(batches, keys, strict=True):
        parts = gradient(layers, images[batch], labels[batch], bounds, step_keys)
        for layer, speed, part in zip(layers, speeds, parts, strict=True):
            for w, v, g in zip(layer, speed, part, strict=True):
                v *= task.settings.momentum
                v -= task.settings.rate * g
                w += v


def gradient(layers: Layers, images: Array, labels: Array, bounds: Bounds, keys: Sequence[int]) -> list[tuple[Array, Array]]:
    """Return the gradient of the mean cross-entropy for every matrix and bias, with the slopes of the given keys."""
    inputs, pullbacks = [images], []
    for (matrix, bias), key in zip(layers[:-1], keys, strict=True):
        # In place, because the pullback needs only the output where no slope is negative.
        y, pullback = rrelu_vjp(inputs[-1] @ matrix + bias, *bounds, training=True, inplace=True, rng=key)
        inputs.append(y)
        pullbacks.append(pullback)
    g = np.exp(log_softmax(inputs[-1] @ layers[-1][0] + layers[-1][1]))
    g[np.arange(len(labels)), labels] -= 1
    g /= len(labels)
    parts = []
    for i in reversed(range(len(layers))):
        parts.append((inputs[i].T @ g, g.sum(0)))
        if i:
            g = pullbacks[i - 1](g @ layers[i][0].T)
    return parts[::-1]


def evaluate(layers: Layers, images: Array, labels: Array, bounds: Bounds) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of right answers, with the constant slope of evaluation."""
    for matrix, bias in layers[:-1]:
        images = rrelu(images @ matrix + bias, *bounds, inplace=True)
    log_p = log_softmax(images @ layers[-1][0] + layers[-1][1])
    return -float(log_p[np.arange(len(labels)), labels].mean()), float((log_p.argmax(1) == labels).mean())


def log_softmax(logits: Array) -> Array:
    """Return the log-probabilities of the classes, along the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result
