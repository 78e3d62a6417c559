"""PyTorch on its GPU, for `gpu`: the workloads of the command, which Triton's kernels serve, and a block that Inductor compiles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import networks
import torch
from result import Work

from multirrelu.cli.bench import layouts
from multirrelu.cli.bench.libraries.torch import on_device, tensors
from multirrelu.cli.bench.timing import events

DEVICE, BLOCK = "cuda", 1 << 24  # the elements of the activation of a compiled block
OUT_OF_MEMORY = torch.OutOfMemoryError
xp, CLOCK = torch, events(partial(torch.cuda.Event, enable_timing=True), torch.cuda.Event.elapsed_time)
release = torch.cuda.empty_cache


def gpu() -> str | None:
    """Return the name of the GPU, if there is one."""
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def cases(dtype: str, elements: int) -> Iterator[tuple[str, int, Work]]:
    """Yield each case, the elements of its tensors, and its functions."""
    yield from layouts.cases(lambda view: on_device(*map(view, tensors(dtype, elements, DEVICE)), DEVICE), elements)
    if elements == BLOCK:
        yield "compiled block, both passes", elements, networks.compiled_block(dtype, elements, DEVICE)
