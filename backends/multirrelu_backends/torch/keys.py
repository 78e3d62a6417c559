"""Draw keys from PyTorch's generators: the caller's own, or the global generator of a tensor's device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from ctypes import c_int64
from typing import Any

import torch
from torch import Tensor

from . import dtensor_ops, ops
from .plain import PLAIN
from .state import count_modes, has_transforms, is_compiling, is_tracing

LEAST = -(1 << 63)  # of int64
_spare: list[tuple[Tensor, c_int64]] = []  # tensors of one int64; popping one is atomic, so that no two threads draw into the same


def source(rng: Any) -> Callable[[], Tensor] | None:
    """Return a function that draws a key from a generator, on the generator's device, or None."""
    return (lambda: drawn(rng.device, rng)) if isinstance(rng, torch.Generator) else None


def default_key(x: Tensor) -> Tensor | int:
    """Return a key from the global generator of a tensor's device; ``torch.manual_seed`` seeds it."""
    if is_compiling():
        return ops.key_traced(x)
    transformed = has_transforms()
    if x.is_cpu and type(x) in PLAIN and not (transformed or count_modes() or is_tracing()):
        return _drawn_here()
    wrapped = type(x) is not Tensor or transformed
    if wrapped and "torch.distributed.tensor" in sys.modules and (key := dtensor_ops.global_key(x)) is not None:
        return key
    return drawn(x.device)


def drawn(device: Any, generator: Any = None) -> Tensor:
    """Return 64 random bits as a 0-d tensor, because reading them as a number would make the host wait for the device."""
    # The upper end of `randint` is exclusive and cannot be 2**63.
    return torch.randint(LEAST, -LEAST - 1, (), dtype=torch.int64, device=device, generator=generator)


def _drawn_here() -> int:
    """Return the key that `drawn` returns for the CPU, modulo 2**64, as a number and in half the time."""
    try:
        one, word = _spare.pop()
    except IndexError:
        with torch.inference_mode(False):  # an inference tensor could not be written to outside of inference mode
            one = torch.zeros((), dtype=torch.int64, device="cpu")
        word = c_int64.from_address(one.data_ptr())
    one.random_(LEAST, None)  # without an end, all 2**64 values
    key: int = word.value - LEAST
    _spare.append((one, word))
    return key
