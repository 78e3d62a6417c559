"""The suite for CuPy arrays."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

from ..bits import Host
from ..suite import Suite

BORROWED = "ml_dtypes"
"""The module of bfloat16, which CuPy's namespace lacks; CuPy imports the module where it is installed."""


class CupySuite(Suite):
    """The capabilities that CuPy lacks, and its generators."""

    namespace = "cupy"
    lacks: ClassVar[dict[str, str | None]] = {
        "read_only": "CuPy arrays are always writeable",
        "second_device": "few machines have a second CUDA device",
        "autograd": "CuPy has no automatic differentiation: rrelu_vjp is its backward pass",
        "second_order": "CuPy has no automatic differentiation",
        **({} if find_spec(BORROWED) else {"bfloat16": f"CuPy's bfloat16 is that of {BORROWED}, which is not installed"}),
    }

    def dtype(self, name: str) -> Any:
        if name == "bfloat16" and self.has(name):
            import ml_dtypes

            return ml_dtypes.bfloat16
        return super().dtype(name)

    def to_numpy(self, array: Any) -> Host:
        host: Host = array.get()
        return host

    def generator(self, seed: int) -> Any:
        return self.module.random.default_rng(seed)

    def seed_global(self, seed: int) -> None:
        self.module.random.seed(seed)
