"""The suite for TensorFlow tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..bits import Host
from ..suite import Suite


class TensorFlowSuite(Suite):
    """The capabilities that TensorFlow lacks, its generators, and its derivatives."""

    namespace = "tensorflow"
    lacks: ClassVar[dict[str, str | None]] = {
        "writing": "TensorFlow's tensors are immutable",
        "aliasing": "TensorFlow's tensors are immutable, so views are copies",
        "read_only": "TensorFlow's tensors are always read-only",
        "second_device": "few machines have a second device",
        "shifts": "TensorFlow's tensors have no >>: tf.bitwise.right_shift is a function",
    }

    def from_numpy(self, array: Host) -> Any:
        return self.module.constant(np.array(array, order="C"))

    def to_numpy(self, array: Any) -> Host:
        host: Host = array.numpy()
        return host

    def generator(self, seed: int) -> Any:
        return self.module.random.Generator.from_seed(seed)

    def seed_global(self, seed: int) -> None:
        self.module.random.set_seed(seed)

    def gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        with self.module.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)
