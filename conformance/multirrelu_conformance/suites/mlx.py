"""The suite for MLX arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..bits import Host
from ..suite import Suite


class MlxSuite(Suite):
    """The capabilities that MLX lacks, its global generator, and its derivatives."""

    namespace = "mlx.core"
    lacks: ClassVar[dict[str, str | None]] = {
        "aliasing": "MLX arrays are values: to write to a view leaves the array that it was taken from as it was",
        "read_only": "MLX arrays are always writeable",
        "second_device": "MLX arrays have no device: operations do",
        "generator": "MLX's keys are values: they have no state that advances",
    }

    def from_numpy(self, array: Host) -> Any:
        host = np.array(array, order="C")
        return self.module.array(host, _dtype(self.module, host.dtype.name))  # without a dtype, float64 would become float32

    def to_numpy(self, array: Any) -> Host:
        return np.array(array)

    def dtype(self, name: str) -> Any:
        return _dtype(self.module, name)

    def seed_global(self, seed: int) -> None:
        self.module.random.seed(seed)

    def gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        return self.module.grad(function)(x)


def _dtype(module: Any, name: str) -> Any:
    return getattr(module, "bool_" if name == "bool" else name, None)
