"""Arrays in every layout, and slopes of every kind, for what must equal the reference bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from multirrelu import Slopes
from multirrelu.agnostic import scale as reference
from multirrelu.contract import row_major

DTYPES = ["float16", "float32", "float64", "bfloat16"]
SHAPES = [(), (1,), (5,), (63,), (64,), (65,), (131,), (1500,), (0, 3), (7, 9), (16, 60), (17, 61), (33, 130), (3, 5, 7), (2, 3, 17, 19)]


def dtype_of(name: str) -> Any:
    """Return a NumPy dtype; NumPy's bfloat16 comes from another package."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def layouts(shape: tuple[int, ...], dtype: Any, seed: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield arrays of normal numbers of one shape: dense, rows of a larger array, strided, Fortran, reversed, rotated, broadcast."""
    larger = np.random.default_rng(seed).standard_normal(tuple(2 * length for length in shape)).astype(dtype)
    part = larger[tuple(slice(0, length) for length in shape)]
    backwards = (slice(None, None, -1),) * len(shape)
    yield part.copy()
    yield part
    if not shape:
        return
    yield larger[(slice(None, None, 2),) * len(shape)]
    yield np.asfortranarray(part)
    yield part[backwards]
    if len(shape) > 1:
        yield np.moveaxis(np.moveaxis(part, -1, 0).copy(), 0, -1)
        yield np.broadcast_to(part[:1], shape) if shape[0] else part


def slopes_for(shape: tuple[int, ...]) -> list[Slopes | float]:
    """Return slopes that differ in bounds, key, offset and strides: wrapped indices, shared axes, steps and reversals among them."""
    return [
        0.25,
        Slopes(1 / 8, 1 / 3, 42),
        Slopes(-1.0, 1.0, 7, offset=2**34 - 5),
        Slopes(0.1, 0.9, 2**64 - 1, offset=2**64 - 7),
        Slopes(0.1, 0.2, 9, offset=3, strides=tuple(range(1, len(shape) + 1))),
        Slopes(0.1, 0.2, 9, offset=2**33 + 1, strides=(0,) * len(shape)),
        Slopes(0.1, 0.2, 5, offset=1000, strides=tuple(-step for step in row_major(shape))),
        Slopes(0.1, 0.2, 5, offset=1, strides=tuple(10 * step for step in row_major(shape))),
    ]


def assert_same_bits(actual: Any, expected: Any, context: object) -> None:
    """Fail unless two arrays have the same dtype, shape and bits."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), context
    different = np.flatnonzero(bits(actual) != bits(expected))
    assert different.size == 0, f"{context}: {different.size} differ, the first at {different[0]}"


def bits(x: Any) -> Any:
    """Return the bits of the elements in C order."""
    return np.ascontiguousarray(x).reshape(-1).view(f"u{x.dtype.itemsize}")


def expected(values: Any, gate: Any, slopes: Slopes | float) -> Any:
    """Return the reference's result."""
    with np.errstate(all="ignore"):
        return np.asarray(reference(np.array(values), np.array(gate), slopes))
