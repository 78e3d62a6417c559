"""The fast path for contiguous tensors on the CPU: a direct call of the kernel, and a product for small tensors with gradients.

For a small tensor, an `autograd.Function` takes longer than both passes need. Instead, the kernel draws the factor of each element, and
PyTorch multiplies by it and differentiates the product. The bits are the same, because a factor is exact in the dtype of the tensor.
PyTorch keeps the factors for the backward pass, where a `Function` keeps the output.
"""

from __future__ import annotations

from functools import cache
from operator import index

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from . import devices

MOST = 1 << 13  # elements; up to this size both passes are faster by a product
KINDS = {torch.float32: ("float32", 4), torch.float64: ("float64", 8), torch.float16: ("float16", 2), torch.bfloat16: ("bfloat16", 2)}
EXACT = (torch.float32, torch.float64)  # in half precision, a factor would be rounded before the product


def scaled(values: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return a tensor scaled by its own gate, without recording; None where the kernel cannot process it as contiguous memory."""
    return _scaled(values.data_ptr(), values, slopes)


def multiplied(values: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return a tensor scaled by its own gate, recorded by PyTorch; None where it is not small and exact, or as for `scaled`."""
    if values.numel() > MOST or values.dtype not in EXACT:
        return None
    factor = _scaled(_ones(values.dtype).data_ptr(), values, slopes)
    return None if factor is None else values * factor


def _scaled(first: int, gate: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return the elements at an address, in the order of the gate, scaled by the gate."""
    kind = KINDS.get(gate.dtype)
    if kind is None or not gate.is_cpu or not gate.is_contiguous() or gate.is_neg():
        return None
    key = 0
    if isinstance(slopes, Slopes):
        if slopes.strides is not None:
            return None
        key = slopes.key.item() if isinstance(slopes.key, Tensor) else index(slopes.key)
    (name, size), kernel, at, elements = kind, devices.cpu_kernel(), gate.data_ptr(), gate.numel()
    if kernel is None or at % size or (at == 0 and elements):  # a ZeroTensor has no memory
        return None
    result = torch.empty_like(gate)
    served = kernel.run(name, (first, at, result.data_ptr()), (elements,), ((size,),) * 3, slopes, key, torch.get_num_threads())
    return result if served else None


@cache
def _ones(dtype: torch.dtype) -> Tensor:
    return torch.ones(MOST, dtype=dtype, device="cpu")
