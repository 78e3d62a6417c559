"""The suite for NumPy arrays."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..suite import Suite


class NumpySuite(Suite):
    """The capabilities that NumPy lacks, and its generators."""

    namespace = "numpy"
    lacks: ClassVar[dict[str, str | None]] = {
        "bfloat16": "NumPy has no bfloat16 of its own",
        "second_device": "NumPy arrays live on one device",
        "global_generator": "NumPy's global generator is legacy: rng=None takes fresh entropy instead",
        "autograd": "NumPy has no automatic differentiation: rrelu_vjp is its backward pass",
        "second_order": "NumPy has no automatic differentiation",
    }

    def read_only(self, array: Any) -> Any:
        array.flags.writeable = False
        return array

    def generator(self, seed: int) -> Any:
        return np.random.default_rng(seed)
