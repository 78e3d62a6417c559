"""The suite for cubed arrays."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..suite import Suite


class CubedSuite(Suite):
    """The capabilities that cubed lacks."""

    namespace = "cubed"
    sizes = (0, 1, 3, 5, 64, 130)  # each is a plan with files as blocks
    lacks: ClassVar[dict[str, str | None]] = {
        "bfloat16": "cubed's blocks are NumPy arrays, which have no bfloat16",
        "writing": "cubed's arrays are lazy: stored blocks are never overwritten",
        "aliasing": "cubed's arrays are lazy and have no memory",
        "read_only": "cubed's arrays are lazy and have no memory",
        "views": "cubed's reshape fails on the uneven blocks of a slice",
        "second_device": "cubed's arrays have no device of their own",
        "generator": "cubed has no generators, but a function for each array",
        "global_generator": "cubed has no global generator",
        "autograd": "cubed has no automatic differentiation",
        "second_order": "cubed has no automatic differentiation",
    }

    def dtype(self, name: str) -> Any:
        return getattr(np, name, None)  # cubed's namespace lacks some dtypes of its blocks
