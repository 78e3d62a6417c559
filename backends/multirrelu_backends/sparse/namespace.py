"""The functions of PyData's sparse, but for two that would return a fill value in the place of what is stored."""

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
    """Return a sparse array that stores one value, where another stores its elements."""
    kept = form(x)
    return like(kept, np.full(kept.data.shape, value, dtype=dtype or x.dtype), x)
