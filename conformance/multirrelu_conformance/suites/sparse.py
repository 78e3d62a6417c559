"""The suite for PyData's sparse arrays, in COO with every element stored."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..bits import Host
from ..suite import Suite


class SparseSuite(Suite):
    """The capabilities that PyData's sparse arrays lack."""

    namespace = "sparse"
    lacks: ClassVar[dict[str, str | None]] = {
        "bfloat16": "sparse has no bfloat16",
        "views": "sparse arrays have copies, and no views",
        "aliasing": "sparse arrays have copies, and no views",
        "writing": "sparse arrays are immutable, except DOK, which is a dict",
        "read_only": "sparse arrays are immutable, except DOK, which is a dict",
        "second_device": "sparse arrays live in the memory of the processor",
        "shifts": "standard functions of sparse arrays change the stored elements and the fill value",
        "scale_at": "indices belong to dense arrays: pass the stored elements, such as x.data",
        "generator": "sparse has NumPy's generators, and none of its own",
        "global_generator": "sparse has no global generator",
        "autograd": "sparse has no automatic differentiation: rrelu_vjp is its backward pass",
        "second_order": "sparse has no automatic differentiation",
    }

    def from_numpy(self, array: Host) -> Any:
        """Store every element, including zeros."""
        places = np.indices(array.shape).reshape(array.ndim, array.size)
        return self.module.COO(places, array.ravel(), shape=array.shape, has_duplicates=False, sorted=True)

    def to_numpy(self, array: Any) -> Host:
        host: Host = array.todense()
        return host
