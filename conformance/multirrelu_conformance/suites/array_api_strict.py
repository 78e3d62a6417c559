"""The suite for array-api-strict, which has only the functions of the Array API standard."""

from __future__ import annotations

from typing import ClassVar

from ..suite import Suite


class StrictSuite(Suite):
    """The capabilities that the standard itself lacks."""

    namespace = "array_api_strict"
    lacks: ClassVar[dict[str, str | None]] = {
        "float16": "the array API standard has no float16",
        "bfloat16": "the array API standard has no bfloat16",
        "read_only": "the array API standard has no read-only arrays",
        "generator": "the array API standard has no random numbers",
        "global_generator": "the array API standard has no random numbers",
        "autograd": "the array API standard has no automatic differentiation",
        "second_order": "the array API standard has no automatic differentiation",
    }
