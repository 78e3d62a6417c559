"""Small tensors: the kernel draws the factor of each element, and PyTorch multiplies by it and differentiates the product.

An `autograd.Function` takes longer than a small tensor needs for both passes. PyTorch's own product has the same bits, because a factor
is exact in the dtype of the tensor. It keeps the factors for the backward pass, where a `Function` keeps the output.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from multirrelu.contract import Slopes

from . import devices

MOST = 1 << 13  # elements, up to which both passes are faster by a product
KINDS = {torch.float32: ("float32", 4), torch.float64: ("float64", 8)}  # in half precision a factor is not exact


def scaled(values: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return a tensor scaled by its own gate, as PyTorch records it; None where it is not small, dense and served by the kernel."""
    elements, kind = values.numel(), KINDS.get(values.dtype)
    if elements > MOST or kind is None or values.device.type != "cpu" or not values.is_contiguous() or values.is_neg():
        return None
    kernel, key = devices.cpu_kernel(), 0
    if isinstance(slopes, Slopes):
        if slopes.strides is not None:
            return None
        key = slopes.key.item() if isinstance(slopes.key, Tensor) else slopes.key
    name, size = kind
    at = values.data_ptr()
    if kernel is None or at % size:
        return None
    factor = torch.empty_like(values)
    kernel.run(name, (_ones(values.dtype).data_ptr(), at, factor.data_ptr()), (elements,), ((size,),) * 3, slopes, key)
    return values * factor


@cache
def _ones(dtype: torch.dtype) -> Tensor:
    return torch.ones(MOST, dtype=dtype, device="cpu")
