"""The suite on the arrays of array-api-strict, which has the standard's functions and no others."""

from __future__ import annotations

from typing import ClassVar

from ..suite import Suite


class StrictSuite(Suite):
    """What the standard itself lacks."""

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
