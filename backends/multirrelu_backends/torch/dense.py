"""The fast path for contiguous tensors on the CPU: a direct call of the kernel, and a product for small tensors with gradients.

For a small tensor, an `autograd.Function` takes longer than both passes need. Instead, the kernel draws the factor of each element, and
PyTorch multiplies by it and differentiates the product. The bits are the same, because a factor is exact in the dtype of the tensor.
PyTorch keeps the factors for the backward pass, where a `Function` keeps the output.
"""

from __future__ import annotations

from array import array
from operator import index
from typing import Any

import torch
from torch import Tensor

from multirrelu.contract import Slopes
from multirrelu.dtypes import dtype_name

from .. import _kernel

MOST = 1 << 15  # elements; up to this size both passes are faster by a product
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
KINDS = {dtype: (dtype_name(dtype), dtype.itemsize, ((dtype.itemsize,),) * 3) for dtype in DTYPES}
# In half precision, a factor would be rounded before the product.
ONES = {torch.float32: array("f", [1.0]) * MOST, torch.float64: array("d", [1.0]) * MOST}
FIRST = {dtype: ones.buffer_info()[0] for dtype, ones in ONES.items()}


def scaled(values: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return a tensor scaled by its own gate, without recording; None where the kernel cannot process it as contiguous memory."""
    return _scaled(values.data_ptr(), values, slopes)


def multiplied(values: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return a tensor scaled by its own gate, recorded by PyTorch; None where it is not small and exact, or as for `scaled`."""
    first = FIRST.get(values.dtype)
    if first is None or values.numel() > MOST:
        return None
    factor = _scaled(first, values, slopes)
    return None if factor is None else values * factor


def _scaled(first: int, gate: Tensor, slopes: Slopes | float) -> Tensor | None:
    """Return the elements at an address, in the order of the gate, scaled by the gate."""
    kind = KINDS.get(gate.dtype)
    if kind is None or not gate.is_cpu or not gate.is_contiguous() or gate.is_neg():
        return None
    key: Any = 0
    if isinstance(slopes, Slopes):
        if slopes.strides is not None:
            return None
        key = slopes.key
        if type(key) is not int:
            key = key.item() if isinstance(key, Tensor) else index(key)
    (name, size, steps), at, elements = kind, gate.data_ptr(), gate.numel()
    if at % size or (at == 0 and elements):  # a ZeroTensor has no memory
        return None
    result = torch.empty_like(gate)
    served = _kernel.run(name, (first, at, result.data_ptr()), (elements,), steps, slopes, key, torch.get_num_threads())
    return result if served else None
