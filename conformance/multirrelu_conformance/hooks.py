"""What the array standard does not cover, for the libraries that we know; a suite overrides the method that looks it up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

TO_NUMPY: dict[str, Callable[[Any], Any]] = {
    "torch": lambda array: array.numpy(force=True),
    "cupy": lambda array: array.get(),
}
"""Copy an array to NumPy, where ``np.asarray`` does not."""

DTYPES: dict[str, Callable[[str], Any]] = {
    "dask.array": lambda name: getattr(np, name, None),
    "numpy": lambda name: getattr(np, name, None),  # and not another package's, which NumPy takes once that is imported
}
"""Find a dtype by its name, where the namespace does not name all that the library has."""

GENERATORS: dict[str, Callable[[int, Any], Any]] = {
    "numpy": lambda seed, device: np.random.default_rng(seed),
    "torch": lambda seed, device: sys.modules["torch"].Generator(device or "cpu").manual_seed(seed),
    "cupy": lambda seed, device: sys.modules["cupy"].random.default_rng(seed),
}
"""Make a generator of the library's own from a seed."""

SEED_GLOBAL: dict[str, Callable[[int], object]] = {
    # Lambdas, for the modules are not there yet.
    "torch": lambda seed: sys.modules["torch"].manual_seed(seed),  # noqa: PLW0108
    "cupy": lambda seed: sys.modules["cupy"].random.seed(seed),  # noqa: PLW0108
}
"""Seed the library's global generator."""


def _torch_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    # Inside another derivative x is already a variable, and must stay the same one.
    variable = x if x.requires_grad else x.detach().clone().requires_grad_()
    with sys.modules["torch"].enable_grad():
        return sys.modules["torch"].autograd.grad(function(variable), variable, create_graph=True)[0]


GRADIENTS: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "torch": _torch_gradient,
    "jax.numpy": lambda function, x: sys.modules["jax"].grad(function)(x),
}
"""Differentiate a function of one array with a 0-d result; the gradient itself can be differentiated."""
