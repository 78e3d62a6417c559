"""Draw keys from PyTorch's generators: the caller's own, or the global generator of a tensor's device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import dtensor_ops, ops


def source(rng: Any) -> Callable[[], Tensor] | None:
    """Return a function that draws a key from a generator, on the generator's device, or None."""
    return (lambda: drawn(rng.device, rng)) if isinstance(rng, torch.Generator) else None


def default_key(x: Tensor) -> Tensor:
    """Return a key from the global generator of a tensor's device; ``torch.manual_seed`` seeds it."""
    if torch.compiler.is_compiling():
        return ops.key_traced(x)
    wrapped = type(x) is not Tensor or torch._C._are_functorch_transforms_active()
    if wrapped and "torch.distributed.tensor" in sys.modules and (key := dtensor_ops.global_key(x)) is not None:
        return key
    return drawn(x.device)


def drawn(device: Any, generator: Any = None) -> Tensor:
    """Return 64 random bits as a 0-d tensor, because reading them as a number would make the host wait for the device."""
    # The upper end of `randint` is exclusive and cannot be 2**63.
    return torch.randint(-(1 << 63), (1 << 63) - 1, (), dtype=torch.int64, device=device, generator=generator)
