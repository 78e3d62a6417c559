"""Which dtypes are served, and in which of them each computes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

DTYPES = ("float16", "bfloat16", "float32", "float64")


def dtype_name(dtype: Any) -> str:
    """Return ``float32`` for every library's float32: NumPy calls it ``dtype.name``, others end their ``str`` with it."""
    return _dtype_name(type(dtype).__module__, dtype)


@lru_cache(maxsize=128)  # NumPy takes longer to make the name than a kernel for one element
def _dtype_name(_: str, dtype: Any) -> str:  # the library comes first, for dtypes of two may refuse to be compared
    return getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]


def compute_type(xp: Any, dtype: Any) -> Any:
    """Return float64 for float64, of either byte order, and float32 for the other three."""
    return xp.float64 if dtype_name(dtype) == "float64" else xp.float32
