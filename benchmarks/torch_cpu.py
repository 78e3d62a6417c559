"""Measure PyTorch's backend on the CPU against PyTorch's own RReLU: table, JSON and picture, as for NumPy's backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import beside_torch
import report
import saved
import timing
import torch
import torch_workloads as workloads
from torch import nn

import multirrelu
from multirrelu.layers.torch import RReLU

# The case, the dtype, the multiple of the usual number of elements, and the lower limits of ratios.
ROWS: list[tuple[Callable[[str, int], report.Work], str, int, dict[str, float]]] = [
    (workloads.training, "float32", 1, {workloads.NATIVE: 10}),
    (workloads.training, "float64", 1, {}),
    (workloads.training, "float16", 1, {}),
    (workloads.training, "bfloat16", 1, {}),
    (workloads.both_passes, "float32", 1, {workloads.NATIVE: 6}),
    (workloads.both_passes, "float64", 1, {}),
    (workloads.both_passes, "float16", 1, {}),
    (workloads.both_passes, "bfloat16", 1, {}),
    (workloads.evaluation, "float32", 1, {workloads.LEAKY: 0.9}),
    (workloads.evaluation, "float64", 1, {}),
    (workloads.evaluation, "float16", 1, {}),
    (workloads.evaluation, "bfloat16", 1, {}),
    (workloads.in_place, "float32", 4, {workloads.IN_PLACE: 12}),
    (workloads.cnn, "float32", 1, {}),
    (workloads.small_mlp, "float32", 1, {workloads.LAYER: 1 / 1.15}),
    (workloads.mlp, "float32", 1, {workloads.LAYER: 1 / 0.95}),
    (workloads.compiled_block, "float32", 1, {}),
]


def rows(elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return all rows."""
    return [
        report.row(case.__name__, case(dtype, times * elements), dtype, times * elements, rounds, asked)
        for case, dtype, times, asked in ROWS
    ]


def figures(elements: int = 1 << 22, calls: int = 2000) -> report.Figures:
    """Return single figures with their upper limits."""
    return {**one_element(calls), **memory(elements)}


def one_element(calls: int) -> report.Figures:
    """Return the time of one call on one element, in microseconds."""
    x, g = -torch.ones(1), torch.ones(1)
    leaf = x.clone().requires_grad_()
    both = ((report.OURS, workloads.ours, 20.0), (workloads.NATIVE, workloads.native, None))
    found: report.Figures = {}
    for what, argument in (("forward", x), ("forward, requires grad", leaf)):
        for name, function, asked in both:
            found[f"one element, {what}, {name} (us)"] = microseconds(lambda f=function, a=argument: f(a), calls), asked
    for name, function, _ in both:
        found[f"one element, forward and backward, {name} (us)"] = microseconds(workloads.passes(function, leaf, g), calls), None
    found["one element, evaluation, multirrelu (us)"] = microseconds(lambda: multirrelu.rrelu(x), calls), 20.0
    found[f"one element, evaluation, {workloads.LEAKY} (us)"] = (
        microseconds(lambda: nn.functional.leaky_relu(x, workloads.MEAN), calls),
        None,
    )
    return found


def microseconds(function: Callable[[], object], calls: int) -> float:
    """Return the time of a call in microseconds."""
    return 1e6 * timing.per_call(function, calls)


def memory(elements: int) -> report.Figures:
    """Return the memory that is saved for the backward pass."""
    found: report.Figures = {}
    for mode in (True, False):
        for name, layer in (report.OURS, RReLU()), (workloads.LAYER, nn.RReLU()):
            every, beyond = saved.of_layer(layer.train(mode), elements)
            where = f"{'training' if mode else 'evaluation'}, {name}"
            found[f"saved, {where} (bytes an element)"] = every, None
            found[f"saved beside the output, {where} (bytes an element)"] = beyond, None
    for name, ours in (report.OURS, True), (workloads.LAYER, False):
        found[f"saved in a step of the small network, {name} (MiB)"] = saved.of_network(ours, elements) / 2**20, None
    return found


if __name__ == "__main__":
    beside_torch.main(__doc__, "torch-cpu", 1 << 22, rows, figures)
