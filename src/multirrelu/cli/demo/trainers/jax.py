"""The classifier in JAX: an epoch is one compiled program, which takes the keys of its steps as input."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from multirrelu import rrelu

from ..result import Point
from ..task import Bounds, Settings, Task


def train(task: Task, bounds: Bounds, done: Callable[[], None]) -> list[Point]:
    """Train by stochastic gradient descent with momentum, and return a point for each epoch."""
    layers = jax.tree.map(jnp.asarray, list(task.weights))
    state = layers, jax.tree.map(jnp.zeros_like, layers)
    points = []
    for batches, keys in zip(task.batches, task.keys, strict=True):
        state = epoch(state, task.train, batches.astype(np.int32), words(keys), bounds, task.settings)
        points.append(Point(*evaluate(state[0], *task.train, bounds), *evaluate(state[0], *task.test, bounds)))
        done()
    return points


def words(keys: list[list[int]]) -> Any:
    """Return keys in the form of JAX keys: two words each, the high word first."""
    wide = np.array(keys, dtype=np.uint64)
    return np.stack([wide >> 32, wide & 0xFFFFFFFF], axis=-1).astype(np.uint32)


@partial(jax.jit, static_argnums=(4, 5))
def epoch(state: Any, data: Any, batches: Any, keys: Any, bounds: Bounds, settings: Settings) -> Any:
    """Take the steps of an epoch, and return the weights and their velocities."""
    images, labels = map(jnp.asarray, data)

    def step(state: Any, chosen: Any) -> tuple[Any, None]:
        layers, speeds = state
        batch, step_keys = chosen
        slopes = jax.grad(loss)(layers, images[batch], labels[batch], bounds, step_keys)
        speeds = jax.tree.map(lambda v, g: settings.momentum * v - settings.rate * g, speeds, slopes)
        return (jax.tree.map(jnp.add, layers, speeds), speeds), None

    return jax.lax.scan(step, state, (batches, keys))[0]


def loss(layers: Any, images: Any, labels: Any, bounds: Bounds, keys: Any) -> Any:
    """Return the mean cross-entropy with the slopes of the given keys."""
    for (matrix, bias), key in zip(layers[:-1], keys, strict=True):
        images = rrelu(images @ matrix + bias, *bounds, training=True, rng=key)
    return cross_entropy(log_softmax(layers, images), labels)


def evaluate(layers: Any, images: Any, labels: Any, bounds: Bounds) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of right answers, with the constant slope of evaluation."""
    measured, right = measure(layers, images, labels, bounds)
    return float(measured), float(right)


@partial(jax.jit, static_argnums=3)
def measure(layers: Any, images: Any, labels: Any, bounds: Bounds) -> tuple[Any, Any]:
    """Return the results of `evaluate` as arrays."""
    for matrix, bias in layers[:-1]:
        images = rrelu(images @ matrix + bias, *bounds)
    log_p = log_softmax(layers, images)
    return cross_entropy(log_p, labels), (log_p.argmax(1) == labels).mean()


def log_softmax(layers: Any, hidden: Any) -> Any:
    """Return the log-probabilities of the classes from the last layer."""
    return jax.nn.log_softmax(hidden @ layers[-1][0] + layers[-1][1])


def cross_entropy(log_p: Any, labels: Any) -> Any:
    """Return the mean negative log-probability of the right classes."""
    return -log_p[jnp.arange(len(labels)), labels].mean()
