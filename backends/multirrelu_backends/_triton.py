"""Launch one of Triton's two kernels on CUDA tensors of PyTorch, without waiting for the device.

Where elements and indices are consecutive, a program computes 256 Philox blocks and uses all four words of each, so that memory bandwidth
is the limit. In any other layout each element computes its own block.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import triton

from multirrelu.bounds import Lattice
from multirrelu.contract import KEYS, row_major
from multirrelu.stream import signed

from . import _triton_kernels as kernels
from ._layout import ONE_POINT, Axis, axes_of, by_memory, counts_on, is_consecutive, pieces

COUNTERS = 256  # Philox blocks of a program
BLOCK = 4 * COUNTERS  # elements of a program; shorter rows would leave it partly idle, so they take the kernel for any layout
AXES = 4  # the axes of a row that the kernel for any layout supports
WARPS = 8  # of a program of that kernel: with Triton's default of 4, a thread has more elements than registers for them
NARROW = 1 << 31  # elements; positions in a shorter row have 32 bits, which divide fast


class Plan(NamedTuple):
    """The walk of a call over its elements: rows, each with its own key where there are several, and the axes within a row."""

    rows: Axis
    axes: list[Axis]
    consecutive: bool


def enqueue(
    values: torch.Tensor,
    gate: torch.Tensor,
    out: torch.Tensor,
    factor: Lattice | float,
    key: int | torch.Tensor = 0,
    offset: int = 0,
    strides: tuple[int, ...] | None = None,
) -> None:
    """Write each of `values` to `out`, times its slope where ``gate <= 0``; the arguments are checked as `multirrelu.contract` promises.

    Parameters
    ----------
    values, gate, out : torch.Tensor
        Tensors of one shape, one dtype and one CUDA device, each with its own strides; `out` may be one of the others.
    factor : Lattice or float
        The lattice of the slopes to draw, or one constant slope.
    key : int or torch.Tensor
        The key, or an int64 tensor that stays on the device: 0-d, or 1-d with a key for each row of the first axis.
    offset : int
        The index of the first element.
    strides : tuple of int, optional
        The step of the index along each axis; None means C order over the tensor itself.
    """
    if out.numel() == 0:
        return
    drawn, keys = isinstance(factor, Lattice), key if isinstance(key, torch.Tensor) else None
    if not drawn:
        key, keys, offset, strides = 0, None, 0, ()
    if keys is not None:
        keys = keys.to(out.device, non_blocking=True).contiguous()
    memory = values.stride(), gate.stride(), out.stride()
    plan = plan_of(tuple(out.shape), memory, strides, many_keys=keys is not None and keys.ndim == 1, drawn=drawn)
    low, span, unit = factor if isinstance(factor, Lattice) else (*ONE_POINT, factor)
    (bits,) = struct.unpack("<q", struct.pack("<d", unit))  # Triton would round a float to float32
    options = {
        "DRAWN": drawn,
        "KEYS": 0 if keys is None else 1 + keys.ndim,
        "SAME": gate is values or (gate.data_ptr() == values.data_ptr() and gate.stride() == values.stride()),
        "COUNTERS": COUNTERS,
        "enable_fp_fusion": False,
    }
    drawn_from = signed(int(key)) if keys is None else keys, low, span, bits
    with torch.cuda.device_of(out):
        for (*moved, step), axes in pieces(plan.axes, AXES):
            tensors = map(_moved, (values, gate, out), moved)
            _launch((*tensors, *drawn_from), plan._replace(axes=axes), offset + step, options)


def _moved(tensor: torch.Tensor, by: int) -> torch.Tensor:
    """Return a tensor that starts at the first element of `tensor`, or at another element of its storage."""
    return tensor.as_strided((1,), (1,), tensor.storage_offset() + by) if by else tensor


@lru_cache(maxsize=256)
def plan_of(
    shape: tuple[int, ...],
    memory: tuple[tuple[int, ...], ...],
    strides: tuple[int, ...] | None,
    *,
    many_keys: bool = False,
    drawn: bool = True,
) -> Plan:
    """Return the walk over tensors of one shape; `memory` holds the strides of values, gate and out, in elements."""
    rows: Axis = (1, 0, 0, 0, 0)
    if many_keys:
        steps = row_major(shape) if strides is None else strides
        rows = (shape[0], *[own[0] for own in memory], signed(steps[0]))  # type: ignore[assignment]
        shape, memory, strides = shape[1:], tuple([own[1:] for own in memory]), steps[1:]
    axes = axes_of(shape, memory, strides)
    if not many_keys and len(axes) == 2 and axes[1][0] >= BLOCK and counts_on(axes[1], 1, drawn):
        rows, *axes = axes
    return Plan(rows, by_memory(axes), is_consecutive(axes, 1, drawn) and rows[4] % 4 == 0)


def _launch(arguments: tuple[Any, ...], plan: Plan, offset: int, options: dict[str, Any]) -> None:
    rows, *steps, step = plan.rows
    length = math.prod(axis[0] for axis in plan.axes)
    skip = offset % 4 if plan.consecutive else 0
    blocks = triton.cdiv(skip + length, BLOCK)
    grid = (rows * blocks,)
    options["WIDE"] = blocks * BLOCK >= NARROW
    if plan.consecutive:
        kernels.scale_consecutive[grid](*arguments, signed(offset % KEYS // 4), skip, length, blocks, *steps, step // 4, **options)
    else:
        axes = [number for axis in reversed(plan.axes) for number in axis] + [1, 0, 0, 0, 0] * (AXES - len(plan.axes))
        options |= {"AXES": len(plan.axes), "num_warps": WARPS}
        kernels.scale_anywhere[grid](*arguments, signed(offset), length, blocks, *steps, step, *axes, **options)
