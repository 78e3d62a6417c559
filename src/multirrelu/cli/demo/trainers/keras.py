"""The classifier in Keras, on its configured backend: the layer's generator is set to the key of each step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, import-not-found, unused-ignore]

try:
    import keras
except ModuleNotFoundError as error:
    raise ImportError(f"Keras cannot be imported ({error}): set KERAS_BACKEND to tensorflow, jax or torch, and install that") from error

from multirrelu.layers.keras import RReLU

from ..result import Point
from ..task import Array, Bounds, Task

LABEL = f"keras on {keras.backend.backend()}"


def train(task: Task, bounds: Bounds, done: Callable[[], None]) -> list[Point]:
    """Train by stochastic gradient descent with momentum, and return a point for each epoch."""
    model = network(task, bounds)
    generators = [layer.seed_generator for layer in model.layers if isinstance(layer, RReLU)]
    images, labels = task.train
    points = []
    with threadpool_limits(limits=1):  # PyTorch's threads too: with matrices as small as these, a second thread only waits
        for batches, keys in zip(task.batches, task.keys, strict=True):
            for batch, step_keys in zip(batches, keys, strict=True):
                for generator, key in zip(generators, step_keys, strict=True):
                    generator.state.assign(words(key))
                model.train_on_batch(images[batch], labels[batch])
            points.append(Point(*evaluate(model, *task.train), *evaluate(model, *task.test)))
            done()
    return points


def words(key: int) -> list[int]:
    """Return a key as the state of a generator: the seed and the count, from which the layer makes the same key."""
    return [key >> 32, key & 0xFFFFFFFF]


def network(task: Task, bounds: Bounds) -> Any:
    """Return a compiled model with the weights of the task."""
    sizes = [len(bias) for _, bias in task.weights]
    hidden = chain.from_iterable((keras.layers.Dense(size), RReLU(*bounds)) for size in sizes[:-1])
    model = keras.Sequential([keras.Input(task.train[0].shape[1:]), *hidden, keras.layers.Dense(sizes[-1])])
    model.set_weights(list(chain.from_iterable(task.weights)))
    optimizer = keras.optimizers.SGD(task.settings.rate, task.settings.momentum)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def evaluate(model: Any, images: Array, labels: Array) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of right answers, with the constant slope of evaluation."""
    model.reset_metrics()
    loss, right = model.test_on_batch(images, labels)
    return float(loss), float(right)
