"""The suite for SciPy's sparse arrays, in COO with every element stored."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..bits import Host
from ..suite import Suite


class ScipySuite(Suite):
    """The capabilities that SciPy's sparse arrays lack."""

    namespace = "scipy.sparse"
    lacks: ClassVar[dict[str, str | None]] = {
        "float16": "scipy.sparse has no float16",
        "bfloat16": "scipy.sparse has no bfloat16",
        "views": "sparse arrays have copies, and no views",
        "aliasing": "sparse arrays have copies, and no views",
        "writing": "only the methods of a sparse array write to it, and not out and inplace",
        "read_only": "sparse arrays are never read-only",
        "scalars": "sparse arrays have an axis at least",
        "second_device": "sparse arrays live in the memory of the processor",
        "integers": "sparse arrays have an axis at least",
        "uint64_keys": "sparse arrays have an axis at least",
        "shifts": "sparse arrays have no operator >>",
        "scale_at": "indices belong to dense arrays: pass the stored elements, such as x.data",
        "generator": "SciPy has NumPy's generators, and none of its own",
        "global_generator": "SciPy has no global generator",
        "autograd": "SciPy has no automatic differentiation: rrelu_vjp is its backward pass",
        "second_order": "SciPy has no automatic differentiation",
    }

    def dtype(self, name: str) -> Any:
        return getattr(np, name, None) if self.has(name) else None  # our namespace has only supported dtypes

    def from_numpy(self, array: Host) -> Any:
        """Store every element, including zeros."""
        places = np.indices(array.shape).reshape(array.ndim, -1)
        return self.module.coo_array((array.ravel(), tuple(places)), shape=array.shape)

    def to_numpy(self, array: Any) -> Host:
        """Write each element to its place, because SciPy adds it to 0.0, which turns -0.0 into 0.0."""
        stored = array.tocoo()
        host: Host = np.zeros(array.shape, array.dtype)
        host[stored.coords] = stored.data
        return host
