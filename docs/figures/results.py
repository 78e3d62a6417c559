"""What each library makes of one integer: multirrelu, which takes it as key, and the library's own generator, which takes it as seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch

import multirrelu

SEED, SIDE = 42, 16
LOWER, UPPER = 1 / 8, 1 / 3
X = -np.ones((SIDE, SIDE), dtype=np.float32)


def in_chunks() -> Any:
    """Return what six chunks give, each alone, as a scheduler would hand them out."""
    y = np.empty_like(X)
    for rows in (slice(0, 5), slice(5, 16)):
        for columns in (slice(0, 3), slice(3, 10), slice(10, 16)):
            slopes = multirrelu.Slopes(LOWER, UPPER, SEED, offset=rows.start * SIDE + columns.start, strides=(SIDE, 1))
            y[rows, columns] = multirrelu.scale(X[rows, columns], X[rows, columns], slopes)
    return y


def by_torch_itself() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return torch.nn.functional.rrelu(torch.from_numpy(X), LOWER, UPPER, training=True)


OURS: dict[str, Callable[[], Any]] = {
    "NumPy": lambda: multirrelu.rrelu(X, training=True, rng=SEED),
    "NumPy, in six chunks": in_chunks,
    "PyTorch": lambda: multirrelu.rrelu(torch.from_numpy(X), training=True, rng=SEED),
    "JAX": lambda: multirrelu.rrelu(jax.numpy.asarray(X), training=True, rng=jax.random.key(SEED)),
}
THEIRS: dict[str, Callable[[], Any]] = {
    "numpy.random": lambda: X * np.random.default_rng(SEED).uniform(LOWER, UPPER, X.shape).astype(np.float32),
    "torch.nn.functional.rrelu": by_torch_itself,
    "jax.random": lambda: X * jax.random.uniform(jax.random.key(SEED), X.shape, minval=LOWER, maxval=UPPER),
}


def made(by: dict[str, Callable[[], Any]]) -> dict[str, np.ndarray]:
    """Return the results as NumPy's arrays."""
    return {name: np.asarray(result()) for name, result in by.items()}
