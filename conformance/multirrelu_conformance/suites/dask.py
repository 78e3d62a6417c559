"""The suite for Dask arrays."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..suite import Suite


class DaskSuite(Suite):
    """The capabilities that Dask lacks."""

    namespace = "dask.array"
    lacks: ClassVar[dict[str, str | None]] = {
        "bfloat16": "Dask's chunks are NumPy arrays, which have no bfloat16",
        "writing": "Dask arrays are lazy: an assignment changes only their graph",
        "aliasing": "Dask arrays are lazy and have no memory",
        "read_only": "Dask arrays are lazy and have no memory",
        "second_device": "Dask arrays have no device of their own",
        "generator": "Dask's generators spread seeds over chunks, which would tie slopes to the chunking",
        "global_generator": "Dask has no global generator",
        "autograd": "Dask has no automatic differentiation",
        "second_order": "Dask has no automatic differentiation",
    }

    def dtype(self, name: str) -> Any:
        return getattr(np, name, None)  # Dask's namespace lacks some dtypes of its chunks
