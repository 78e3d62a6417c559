"""Measure PyTorch's backend on the CPU against PyTorch's own RReLU: calls, small networks, and the memory for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import networks
import result
import torch
from torch.nn import functional

import multirrelu
from multirrelu.cli.bench.libraries import workload
from multirrelu.cli.bench.libraries.torch import both, native, ours, tensors
from multirrelu.cli.bench.timing import per_call
from multirrelu.cli.bench.workload import MIDDLE, OURS

NATIVE, LEAKY, IN_PLACE = "F.rrelu", "F.leaky_relu", "F.rrelu_"


def common(case: str, dtype: str, elements: int) -> result.Work:
    """Return a workload of ``python -m multirrelu bench`` on the CPU, with shorter names."""
    calls = workload("torch", case.replace("_", " "), dtype, elements).calls
    return {name.replace("torch.nn.functional", "F"): call for name, call in calls.items()}


def in_place(dtype: str, elements: int) -> result.Work:
    """Training, in place and without gradients."""
    x, y = tensors(dtype, elements)
    return {OURS: lambda: multirrelu.rrelu(x, training=True, inplace=True), IN_PLACE: lambda: functional.rrelu_(y, training=True)}


DTYPES = ("float32", "float64", "float16", "bfloat16")
LIMITS = {"training": {NATIVE: 10}, "both_passes": {NATIVE: 6}, "evaluation": {LEAKY: 0.9}}
CASES: list[result.Case] = [
    *((case, partial(common, case), DTYPES, 1, asked) for case, asked in LIMITS.items()),
    ("in_place", in_place, DTYPES[:1], 4, {IN_PLACE: 12}),
    ("cnn", networks.cnn, DTYPES[:1], 1, {}),
    ("small_mlp", partial(networks.mlp, (64, 64, 64, 10), 32), DTYPES[:1], 1, {networks.LAYER: 1 / 1.15}),
    ("mlp", partial(networks.mlp, (784, 256, 256, 10), 64), DTYPES[:1], 1, {networks.LAYER: 1 / 0.95}),
    ("compiled_block", networks.compiled_block, DTYPES[:1], 1, {}),
]


def figures(elements: int = 1 << 22, calls: int = 2000) -> result.Figures:
    """Return single figures with their upper limits: the microseconds of a call on one element, and the memory that is saved."""
    x, g = -torch.ones(1), torch.ones(1)
    leaf = x.clone().requires_grad_()
    timed: dict[str, tuple[Callable[[], object], float | None]] = {}
    for what, argument in (("forward", x), ("forward, requires grad", leaf)):
        timed[f"{what}, {OURS}"] = partial(ours, argument), 20.0
        timed[f"{what}, {NATIVE}"] = partial(native, argument), None
    for name, function in (OURS, ours), (NATIVE, native):
        timed[f"forward and backward, {name}"] = both(function, leaf, g), None
    timed[f"evaluation, {OURS}"] = lambda: multirrelu.rrelu(x), 20.0
    timed[f"evaluation, {LEAKY}"] = lambda: functional.leaky_relu(x, MIDDLE), None
    found = {f"one element, {what} (us)": (1e6 * per_call(call, calls), most) for what, (call, most) in timed.items()}
    return {**found, **networks.figures(elements)}


if __name__ == "__main__":
    result.main("torch-cpu", 1 << 22, result.rows_of(CASES), figures, ("numpy", "numba", "torch"), threads=result.threads())
