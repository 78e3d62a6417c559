"""What is launched on a CUDA device for arrays of any layout: which of two kernels, in how many blocks, with which arguments.

Where memory and index both count on, each thread makes whole Philox blocks and moves 16 bytes at a time, so that memory is the limit;
everywhere else each element makes a block for itself. No device is asked here, so that all of it can be tried without one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from multirrelu.contract import KEYS, Slopes, row_major
from multirrelu.stream import signed

from ._layout import Axis, collapse, pieces

SOURCE = files(__package__).joinpath("_cuda.cu").read_text(encoding="utf-8")
OPTIONS = ("-std=c++17", "-fmad=false")  # no sum stands beside a product, so that this only says what is so
KINDS = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
THREADS = 256  # of a block
AXES = 6  # that the kernel for any layout knows
WIDE = 16  # bytes that a thread moves at a time

Strides = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


class Launch(NamedTuple):
    """A kernel's name, the number of its blocks, and its arguments in the very types of its parameters."""

    kernel: str
    blocks: int
    arguments: tuple[Any, ...]


def launches(
    kind: str, addresses: tuple[int, int, int], shape: tuple[int, ...], strides: Strides, slopes: Slopes | float, key_at: int = 0
) -> Iterator[Launch]:
    """Yield what scales elements where they lie.

    Parameters
    ----------
    kind : str
        The dtype's name: float16, bfloat16, float32 or float64.
    addresses : tuple of int
        Of the first elements of values, gate and out, on the device.
    shape : tuple of int
        Of all three.
    strides : tuple of tuple of int
        Of each of the three, in bytes.
    slopes : Slopes or float
        What the slopes are drawn from, or one constant slope.
    key_at : int, default: 0
        The address of the key's 64 bits on the device; 0 where the key is an integer.
    """
    if 0 in shape:
        return
    if isinstance(slopes, Slopes):
        points = slopes.lattice
        assert points is not None, "equal bounds are a constant slope"
        drawn = np.uint64(key_at), np.uint64(0 if key_at else slopes.key), np.int32(points.low), np.uint32(points.span)
        draw: tuple[Any, ...] = *drawn, np.float64(points.unit)
        steps = row_major(shape) if slopes.strides is None else tuple(signed(step) for step in slopes.strides)
        index = slopes.offset
    else:  # a span of 0 says that the unit is the slope; of an index it needs no more than an order of the axes
        draw = np.uint64(0), np.uint64(0), np.int32(0), np.uint32(0), np.float64(slopes)
        index, steps = 0, tuple(stride // KINDS[kind] for stride in strides[2])
    axes = collapse(list(zip(shape, *strides, steps, strict=True)))
    size = KINDS[kind]
    if len(axes) == 1 and (axes[0][0] == 1 or axes[0][1:] == (size, size, size, 1)):
        yield _consecutive(kind, addresses, axes[0][0], index, draw)
    else:
        # Neighbouring threads for neighbours in memory.
        for (*moved, step), piece in pieces(sorted(axes, key=lambda axis: -abs(axis[3])), AXES):
            values, gate, out = (address + by for address, by in zip(addresses, moved, strict=True))
            yield _anywhere(kind, (values, gate, out), piece, index + step, draw)


def _consecutive(kind: str, addresses: tuple[int, int, int], length: int, index: int, draw: tuple[Any, ...]) -> Launch:
    size = KINDS[kind]
    each = max(4, WIDE // size)  # elements of a thread
    skip = index % 4
    aligned = all((address - skip * size) % WIDE == 0 for address in addresses)
    numbers = np.uint64(length), np.uint64(index // 4), np.uint32(skip), np.uint32(aligned)
    blocks = -(-(skip + length) // (each * THREADS))
    return Launch(f"consecutive_{kind}", blocks, (*map(np.uint64, addresses), *numbers, *draw))


def _anywhere(kind: str, addresses: tuple[int, int, int], axes: list[Axis], index: int, draw: tuple[Any, ...]) -> Launch:
    elements = math.prod(axis[0] for axis in axes)
    padded = axes + [(1, 0, 0, 0, 0)] * (AXES - len(axes))
    numbers = [number for length, *steps in padded for number in (np.uint64(length), *map(np.int64, steps))]
    arguments = *map(np.uint64, addresses), np.uint64(elements), np.uint64(index % KEYS), np.uint32(len(axes)), *numbers, *draw
    return Launch(f"anywhere_{kind}", -(-elements // THREADS), arguments)
