"""The bars of the measurements that are kept under benchmarks/results, a function for each file."""

import json
import sys
from pathlib import Path

import style

BENCHMARKS = Path.cwd().parents[1] / "benchmarks"  # where the site is built, the folder of this file is the current one
sys.path.append(str(BENCHMARKS))

import picture  # noqa: E402


def draw(name: str) -> None:
    """Draw one file."""
    style.use()
    picture.bars(json.loads((BENCHMARKS / "results" / f"{name}.json").read_text(encoding="utf-8")))


def numpy() -> None:
    """NumPy's backend."""
    draw("numpy-cpu")


def torch() -> None:
    """PyTorch's backend."""
    draw("torch-cpu")


def jax() -> None:
    """JAX's backend."""
    draw("jax-cpu")
