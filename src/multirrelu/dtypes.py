"""The supported dtypes, and the dtype in which each is computed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

DTYPES = ("float16", "bfloat16", "float32", "float64")


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype in any library, such as ``float32``: NumPy's ``dtype.name``, or the end of the dtype's ``str``."""
    return _dtype_name(type(dtype), dtype)  # type: ignore[arg-type] # mypy takes a type[Any] for unhashable


@lru_cache(maxsize=128)  # NumPy takes longer to make the name than a kernel takes for one element
def _dtype_name(_: object, dtype: Any) -> str:  # the type comes first, because comparing dtypes of two libraries may raise
    return getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]


def compute_type(xp: Any, dtype: Any) -> Any:
    """Return float64 for float64 of either byte order, and float32 for the other three dtypes."""
    return xp.float64 if dtype_name(dtype) == "float64" else xp.float32
