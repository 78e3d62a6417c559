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
# In half precision, a factor would be rounded before the product.
ONES = {torch.float32: array("f", [1.0]) * MOST, torch.float64: array("d", [1.0]) * MOST}
KINDS = {dtype: (dtype_name(dtype), dtype.itemsize, ONES[dtype].buffer_info()[0] if dtype in ONES else 0) for dtype in DTYPES}
"""The name and the size of each dtype, and the address of its ones."""


def scaled(values: Tensor, slopes: Slopes | float, recorded: bool) -> Tensor | None:
    """Return a tensor scaled by its own gate; None where the kernel cannot process it as contiguous memory.

    Where `recorded`, PyTorch records the result as a product; None also where the tensor is not small, or a factor not exact.
    """
    kind = KINDS.get(values.dtype)
    if kind is None or not values.is_cpu or not values.is_contiguous() or values.is_neg():
        return None
    (name, size, first), elements = kind, values.numel()
    if recorded and (first == 0 or elements > MOST):
        return None
    key: Any = 0
    if isinstance(slopes, Slopes):
        if slopes.strides is not None:
            return None
        key = slopes.key
        if type(key) is not int:
            key = key.item() if isinstance(key, Tensor) else index(key)
    try:
        at = values.data_ptr()
    except RuntimeError:  # the wrapper of a transform that has ended has no memory
        return None
    if at % size or (at == 0 and elements):  # a ZeroTensor has no memory
        return None
    result = torch.empty_like(values)
    first = first if recorded else at
    if elements < _kernel.THREADED:
        served = _kernel.run_line(name, first, at, result.data_ptr(), elements, slopes, key)
    else:
        served = _kernel.run(name, (first, at, result.data_ptr()), (elements,), ((size,),) * 3, slopes, key, torch.get_num_threads())
    if not served:
        return None
    return values * result if recorded else result
