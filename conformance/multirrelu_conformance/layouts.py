"""Layouts in memory, as views of one array by standard functions, both in NumPy and in the library under test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .bits import Host, to_host

BASE_SHAPE = (5, 6, 7, 9)
SPECIAL = (0.0, -0.0, np.inf, -np.inf)

View = Callable[[Any, Any], Any]

LAYOUTS: dict[str, View] = {
    "c_order": lambda xp, a: a,
    "fortran_order": lambda xp, a: xp.permute_dims(a, (3, 2, 1, 0)),
    "transposed": lambda xp, a: xp.permute_dims(a, (0, 1, 3, 2)),
    "channels_last": lambda xp, a: xp.permute_dims(a, (0, 3, 1, 2)),
    "matrix_transposed": lambda xp, a: xp.permute_dims(xp.reshape(a, (30, 63)), (1, 0)),
    "rows_of_a_larger": lambda xp, a: a[1:4, ...],
    "columns_of_a_larger": lambda xp, a: a[..., 3:8],
    "box_of_a_larger": lambda xp, a: a[1:4, 2:5, 3:6, 1:8],
    "every_other": lambda xp, a: a[:, :, :, ::2],
    "every_other_row": lambda xp, a: a[::2, :, ::3, :],
    "starts_off_alignment": lambda xp, a: xp.reshape(a, (-1,))[1:],
    "one_column": lambda xp, a: xp.reshape(a, (30, 63))[:, 5],
    "broadcast_rows": lambda xp, a: xp.broadcast_to(a[:1, ...], a.shape),
    "broadcast_columns": lambda xp, a: xp.broadcast_to(a[..., :1], a.shape),
    "broadcast_all": lambda xp, a: xp.broadcast_to(xp.reshape(a, (-1,))[7:8], (33, 65)),
    "axes_of_one": lambda xp, a: a[2:3, :, 4:5, :],
    "zero_d": lambda xp, a: xp.reshape(a[2:3, 3:4, 4:5, 5:6], ()),
    "empty": lambda xp, a: a[:, 3:3, ...],
    "reversed": lambda xp, a: a[::-1, :, ::-1, ::-1],
    "last_axis_reversed": lambda xp, a: a[..., ::-1],
    "every_third_reversed": lambda xp, a: xp.reshape(a, (-1,))[::-3],
}
"""The name of each layout, and a function of a namespace and an array of `BASE_SHAPE` that returns the view."""

NEGATIVE = frozenset({"reversed", "last_axis_reversed", "every_third_reversed"})
"""The layouts that need negative strides."""

WRITEABLE = tuple(name for name in LAYOUTS if not name.startswith("broadcast"))
"""The layouts without shared memory, to which results can be written."""


def part_of(where: Any) -> View:
    """Return a function that takes the view at an index."""
    return lambda xp, a: a[where]


def data(shape: tuple[int, ...], dtype: str, seed: int) -> Host:
    """Return numbers of both signs with magnitudes from 1/8 to 8, and some zeros and infinities.

    No product with a slope of the default bounds is subnormal in any dtype, because subnormals are outside the promise.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.choice([-1.0, 1.0], shape) * np.exp2(rng.uniform(-3, 3, shape))
    special = rng.choice(SPECIAL, shape)
    return to_host(np.where(rng.random(shape) < 1 / 16, special, numbers), dtype)


def ordinary(shape: tuple[int, ...], dtype: str, seed: int) -> Host:
    """Return finite numbers of both signs with magnitudes from 1/2 to 1, whose products with wide bounds do not overflow."""
    rng = np.random.default_rng(seed)
    return to_host(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape), dtype)
