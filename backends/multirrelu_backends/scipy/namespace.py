"""An Array API namespace for SciPy's sparse arrays, with the functions that the core and its known answers call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array, issparse

float32, float64, int64 = np.float32, np.float64, np.int64


def asarray(x: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
    """Return a sparse array of numbers or of an array; it stores every element, including zeros."""
    if issparse(x):
        return x.astype(x.dtype if dtype is None else dtype, copy=bool(copy))
    dense = np.asarray(x, dtype=dtype)
    places = np.indices(dense.shape).reshape(dense.ndim, -1)
    return coo_array((dense.ravel(), tuple(places)), shape=dense.shape)


def ones(shape: Sequence[int] | int, *, dtype: Any = float64, device: Any = None) -> Any:
    """Return a sparse array that stores a one for every element."""
    return asarray(np.ones(shape, dtype))


def zeros(shape: Sequence[int] | int, *, dtype: Any = float64, device: Any = None) -> Any:
    """Return a sparse array that stores a zero for every element."""
    return asarray(np.zeros(shape, dtype))


def all(x: Any, /) -> bool:  # noqa: A001 - the standard's name
    """Return whether every element is true."""
    return bool(x.count_nonzero() == math.prod(x.shape))
