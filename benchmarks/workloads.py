"""The workloads of NumPy: each case sets up its arrays and returns functions that do the same work."""

from __future__ import annotations

import numpy as np
import torch
from report import OURS, Work

import multirrelu
from multirrelu import Slopes
from multirrelu.cli.bench.libraries.numpy import copy
from multirrelu_backends import _blocks

IN_PLACE, COPY = "multirrelu, in place", "copy"
TORCH, COMPOSITION = "torch.nn.functional.rrelu_", "np.where(x >= 0, x, x * rng.uniform(...))"


def arrays(dtype: str, elements: int, number: int) -> list[np.ndarray]:
    """Return arrays of normal numbers in memory that has been written to, because the first touch of a page costs more than the kernel."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(elements, dtype=np.float32).astype(dtype) for _ in range(number)]


def training(dtype: str, elements: int) -> Work:
    """Training, with `out` and in place; PyTorch's own function is in place too."""
    x, y, z, w = arrays(dtype, elements, 4)
    tensor, rng = torch.from_numpy(w), np.random.default_rng(0)
    theirs: Work = {TORCH: lambda: torch.nn.functional.rrelu_(tensor, training=True)}
    return {
        OURS: lambda: multirrelu.rrelu(x, training=True, rng=1, out=y),
        COPY: lambda: copy(y, x),
        IN_PLACE: lambda: multirrelu.rrelu(z, training=True, rng=1, inplace=True),
        **(theirs if dtype != "float16" else {}),  # PyTorch lacks float16 on the CPU
        COMPOSITION: lambda: np.where(x >= 0, x, x * rng.uniform(1 / 8, 1 / 3, x.shape).astype(dtype)),
    }


def evaluation(dtype: str, elements: int) -> Work:
    """Evaluation, with `out`."""
    x, y = arrays(dtype, elements, 2)
    t, out = torch.from_numpy(x), torch.from_numpy(y)
    return {
        OURS: lambda: multirrelu.rrelu(x, out=y),
        COPY: lambda: copy(y, x),
        "torch.leaky_relu, out given": lambda: torch._C._nn.leaky_relu(t, 11 / 48, out=out),
    }


def pullback(dtype: str, elements: int) -> Work:
    """The pullback of training, with `out`: it reads two arrays and writes one."""
    x, y, g, h = arrays(dtype, elements, 4)
    _, pull = multirrelu.rrelu_vjp(x, training=True, rng=1, out=y)
    return {OURS: lambda: pull(g, out=h), COPY: lambda: copy(h, g)}


def transposed(dtype: str, elements: int) -> Work:
    """Training on a transposed matrix."""
    x, y = arrays(dtype, elements, 2)
    side = round(elements**0.5)
    shape = (side, elements // side)
    u, v = (array[: side * shape[1]].reshape(shape).T for array in (x, y))
    return {OURS: lambda: multirrelu.rrelu(u, training=True, rng=1, out=v), COPY: lambda: copy(y, x)}


def rows(dtype: str, elements: int) -> Work:
    """Training on a chunk: columns 100 to 1,124 of a matrix with 2,048 columns, with the slopes that they have in the whole."""
    x, y = (array.reshape(-1, 2048)[:, 100:1124] for array in arrays(dtype, 2 * elements, 2))
    slopes = Slopes(1 / 8, 1 / 3, 1, offset=100, strides=(2048, 1))
    return {
        OURS: lambda: multirrelu.scale(x, x, slopes, out=y),
        COPY: lambda: copy(y, x),
    }


def without_numba(dtype: str, elements: int) -> Work:
    """Training on one core without Numba, against PyTorch on one core; both return a new array."""
    (x,) = arrays(dtype, elements, 1)
    tensor, slopes = torch.from_numpy(x), Slopes(1 / 8, 1 / 3, 1)
    return {
        OURS: lambda: _blocks.write(x, x, slopes, np.empty_like(x)),
        "torch.nn.functional.rrelu": lambda: torch.nn.functional.rrelu(tensor, training=True),
    }
