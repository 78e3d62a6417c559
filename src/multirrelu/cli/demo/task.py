"""The task of the demo, made in NumPy and the same for every library: digits, initial weights, batches and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from ...rrelu import LOWER, UPPER

Array: TypeAlias = np.ndarray[Any, Any]
Bounds: TypeAlias = tuple[float, float]

MEAN = (LOWER + UPPER) / 2
ACTIVATIONS: dict[str, Bounds] = {
    "ReLU": (0.0, 0.0),
    "leaky ReLU 0.01": (0.01, 0.01),  # PyTorch's default
    f"leaky ReLU {MEAN:.3f}": (MEAN, MEAN),  # RReLU without its randomness, so that the difference is the effect of the randomness
    "RReLU": (LOWER, UPPER),
}
"""The bounds of each activation: each is `multirrelu.rrelu`, where equal bounds make the slope constant."""


@dataclass(frozen=True)
class Settings:
    """The settings of the experiment: few images, so that overfitting shows, and a deep, narrow network, so that the activation matters."""

    seeds: int = 20
    epochs: int = 60
    train_images: int = 300
    batch: int = 30
    hidden: tuple[int, ...] = (32,) * 6
    rate: float = 0.01
    momentum: float = 0.9


@dataclass(frozen=True)
class Task:
    """The problem of one seed: all activations start from the same weights and see the same batches.

    Attributes
    ----------
    train, test : tuple of array
        Images of shape (images, 64), float32 in [0, 1], and labels of shape (images,), int64 in [0, 10).
    weights : list of tuple of array
        The matrix of shape (inputs, outputs) and the bias of shape (outputs,) of each layer, float32.
    batches : array of shape (epochs, steps, batch)
        The training images of each step, int64.
    keys : list of list of list of int
        The key of the slopes for each epoch, step and hidden layer.
    """

    seed: int
    settings: Settings
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    weights: Sequence[tuple[Array, Array]]
    batches: Array
    keys: list[list[list[int]]]


def slope_key(seed: int, step: int, layer: int) -> int:
    """Return the key of a layer's slopes in a step: keys are counted up, because consecutive keys are as independent as any."""
    return seed << 40 | step << 8 | layer


def make_task(seed: int, settings: Settings) -> Task:
    """Return the task of a seed: another split of the digits, other weights, other batches and other keys."""
    rng = np.random.default_rng(seed)
    images, labels = digits()
    order = rng.permutation(len(images))
    chosen, held_out = order[: settings.train_images], order[settings.train_images :]
    sizes = (images.shape[1], *settings.hidden, 10)
    weights = [(he_normal(rng, m, n), np.zeros(n, dtype=np.float32)) for m, n in pairwise(sizes)]
    steps = settings.train_images // settings.batch
    shuffles = [rng.permutation(settings.train_images)[: steps * settings.batch] for _ in range(settings.epochs)]
    layers = range(len(settings.hidden))
    return Task(
        seed,
        settings,
        train=(images[chosen], labels[chosen]),
        test=(images[held_out], labels[held_out]),
        weights=weights,
        batches=np.reshape(shuffles, (settings.epochs, steps, settings.batch)),
        keys=[[[slope_key(seed, e * steps + s, k) for k in layers] for s in range(steps)] for e in range(settings.epochs)],
    )


def he_normal(rng: np.random.Generator, inputs: int, outputs: int) -> Array:
    """Return a matrix with variance 2 / inputs (He et al. 2015, arXiv:1502.01852)."""
    return rng.standard_normal((inputs, outputs), dtype=np.float32) * np.float32((2 / inputs) ** 0.5)


@cache
def digits() -> tuple[Array, Array]:
    """Return scikit-learn's 1,797 handwritten digits as float32 in [0, 1] of shape (1797, 64), and their labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32), labels.astype(np.int64)
