"""What is to be known of an array: its namespace, its device, and whether it can be written to."""

from __future__ import annotations

from reprlib import repr as shortened
from typing import Any, NamedTuple

import array_api_compat

from .contract import Array


class Facts(NamedTuple):
    """What a backend knows of a type of arrays whose device is their ``device``, so that nobody needs to find it out."""

    namespace: Any
    writeable: bool
    whole: bool = True


known: dict[type, Facts] = {}
"""By type. Others are looked at by array-api-compat at each call, which takes longer, and warns where `torch.compile` follows it."""


def namespace_of(x: Array) -> Any:
    """Return the Array API namespace of `x`.

    Raises
    ------
    TypeError
        If `x` is not an array of a library that supports the standard.
    """
    if type(x) in known:
        return known[type(x)].namespace
    try:
        return array_api_compat.array_namespace(x)
    except TypeError:
        raise TypeError(f"expected an array, got {shortened(x)} of type {type(x).__name__}") from None


def device_of(x: Array) -> Any:
    """Return the device of an array, in its library's terms."""
    return x.device if type(x) in known else array_api_compat.device(x)


def is_writeable(x: Array) -> bool:
    """Return whether arrays of `x`'s type can be written to; what is assigned to in one of Dask is its graph."""
    if type(x) in known:
        return known[type(x)].writeable
    return bool(array_api_compat.is_writeable_array(x)) and not array_api_compat.is_dask_array(x)


def is_whole(x: Array) -> bool:
    """Return whether arrays of `x`'s type have all their elements here, in memory that can be viewed."""
    return known[type(x)].whole if type(x) in known else is_writeable(x)
