"""The suite for PyTorch tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..bits import Host
from ..suite import Suite


class TorchSuite(Suite):
    """The capabilities that PyTorch lacks, its generators, and its derivatives."""

    namespace = "torch"
    lacks: ClassVar[dict[str, str | None]] = {
        "read_only": "PyTorch tensors are always writeable",
        "negative_strides": "PyTorch tensors have no negative strides, https://github.com/pytorch/pytorch/issues/229",
    }

    def to_numpy(self, array: Any) -> Host:
        host: Host = array.numpy(force=True)
        return host

    def generator(self, seed: int) -> Any:
        return self.module.Generator(self.device or "cpu").manual_seed(seed)

    def seed_global(self, seed: int) -> None:
        self.module.manual_seed(seed)

    def gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        # Inside another derivative, x already requires a gradient and must stay the same tensor.
        variable = x if x.requires_grad else x.detach().clone().requires_grad_()
        with self.module.enable_grad():
            return self.module.autograd.grad(function(variable), variable, create_graph=True)[0]
