"""The fast path for contiguous tensors on the CPU: a direct call of the kernel, and a product for small tensors with gradients.

For a small tensor, an `autograd.Function` takes longer than both passes need. Instead, the kernel draws the factor of each element, and
PyTorch multiplies by it and differentiates the product. The bits are the same, because a factor is exact in the dtype of the tensor.
PyTorch keeps the factors for the backward pass, where a `Function` keeps the output.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from operator import index
from typing import Any

import torch
from torch import Tensor

from multirrelu.contract import KEYS, Slopes
from multirrelu.dtypes import dtype_name

from .. import _kernel
from .._layout import ONE_POINT

MOST = 1 << 15  # elements; up to this size both passes are faster by a product
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
# In half precision, a factor would be rounded before the product.
ONES = {torch.float32: array("f", [1.0]) * MOST, torch.float64: array("d", [1.0]) * MOST}


def scaled(values: Tensor, slopes: Slopes | float, recorded: bool) -> Tensor | None:
    """Return a tensor scaled by its own gate; None where it is large, or the kernel cannot process it as contiguous memory.

    Where `recorded`, PyTorch records the result as a product; None also where a factor is not exact.
    """
    if not values.is_cpu or not values.is_contiguous() or values.is_neg():
        return None
    elements = values.numel()
    if isinstance(slopes, Slopes):
        assert slopes.lattice is not None, "equal bounds are a constant slope"
        if slopes.strides is not None:
            return None
        prepared, first, key, (low, span, unit) = _prepared(values.dtype, elements, True), slopes.offset, slopes.key, slopes.lattice
        if type(key) is not int:
            key = (key.item() if isinstance(key, Tensor) else index(key)) % KEYS
    else:
        prepared, first, key, (low, span), unit = _prepared(values.dtype, elements, False), 0, 0, ONE_POINT, slopes
    if prepared is None:
        return None
    call, pack, tasks, walked, size, ones = prepared
    try:
        at = values.data_ptr()
    except RuntimeError:  # the wrapper of a transform that has ended has no memory
        return None
    if at % size or (at == 0 and elements) or (recorded and (ones == 0 or elements > MOST)):  # a ZeroTensor has no memory
        return None
    result = torch.empty_like(values)
    call(pack(ones if recorded else at, at, result.data_ptr(), first, key, low, span, unit, False) + walked, _kernel.FIRST, tasks)
    return values * result if recorded else result


@lru_cache(maxsize=256)
def _prepared(dtype: torch.dtype, elements: int, drawn: bool) -> tuple[Any, ...] | None:
    """Return the call that `_kernel.run_line` makes, an element's size, and the address of ones or 0; None where there is no such call."""
    line = _kernel._line(dtype_name(dtype), elements, drawn) if dtype in DTYPES and elements < _kernel.THREADED else None
    return None if line is None else (*line, dtype.itemsize, ONES[dtype].buffer_info()[0] if dtype in ONES else 0)
