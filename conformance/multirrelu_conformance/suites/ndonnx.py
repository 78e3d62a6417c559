"""The suite for ndonnx arrays with values that are known during the trace."""

from __future__ import annotations

from typing import Any, ClassVar

from ..bits import Host
from ..suite import Suite


class NdonnxSuite(Suite):
    """The capabilities that ndonnx lacks."""

    namespace = "ndonnx"
    sizes = (0, 1, 3, 5, 64, 130)  # each is a graph
    lacks: ClassVar[dict[str, str | None]] = {
        "bfloat16": "ndonnx has no bfloat16",
        "writing": "arrays are values of a graph, whose inputs cannot be written to",
        "aliasing": "arrays are values of a graph and have no memory",
        "read_only": "arrays are values of a graph and have no memory",
        "second_device": "a graph names no device",
        "generator": "ndonnx has no generators",
        "default_rng": "a key that is drawn while a graph is traced gives the same slopes at each run: rng=None is an error",
        "global_generator": "ndonnx has no global generator",
        "autograd": "ndonnx has no automatic differentiation",
        "second_order": "ndonnx has no automatic differentiation",
    }

    def to_numpy(self, array: Any) -> Host:
        numbers: Host = array.unwrap_numpy()
        return numbers
