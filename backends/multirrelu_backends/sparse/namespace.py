"""The namespace of PyData's sparse, except for two functions that would return a fill value instead of stored elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sparse import *  # noqa: F403
from sparse import COO

from .arrays import form, like


def ones(shape: Sequence[int] | int, *, dtype: Any = float, device: Any = None) -> Any:
    """Return a sparse array that stores a one for every element."""
    return COO.from_numpy(np.ones(shape, dtype), fill_value=0)


def full_like(x: Any, /, value: float, *, dtype: Any = None, device: Any = None) -> Any:
    """Return a sparse array that stores one value at all places of another."""
    kept = form(x)
    return like(kept, np.full(kept.data.shape, value, dtype=dtype or x.dtype), x)
