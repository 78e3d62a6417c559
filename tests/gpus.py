"""Which libraries find a GPU: each as why its tests are skipped, or as an empty text. ``python tests/gpus.py`` says so of all."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec


@cache
def cupy() -> str:
    if find_spec("cupy") is None:
        return "CuPy is not installed"
    import cupy

    return "" if cupy.is_available() else "CuPy finds no GPU"


@cache
def torch() -> str:
    if find_spec("torch") is None:
        return "PyTorch is not installed"
    import torch

    return "" if torch.cuda.is_available() else "PyTorch finds no GPU"


@cache
def jax() -> str:
    if find_spec("jax") is None:
        return "JAX is not installed"
    import jax

    return "" if jax.default_backend() == "gpu" else "JAX finds no GPU"


if __name__ == "__main__":
    reasons = {find.__name__: find() for find in (cupy, torch, jax)}
    for library, reason in reasons.items():
        print(f"{library}: {reason or 'runs on a GPU'}")
    sys.exit(all(reasons.values()))
