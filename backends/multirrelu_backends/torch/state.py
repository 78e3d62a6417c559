"""PyTorch's functions that tell whether a call is compiled, traced, transformed or seen by a dispatch mode.

Each call of `rrelu` asks several of them. Finding one through its modules takes as long as a third of calling it.
"""

import torch
from torch.autograd import forward_ad

is_compiling = torch.compiler.is_compiling
is_tracing = torch._C._is_tracing
has_transforms = torch._C._are_functorch_transforms_active
count_modes = torch._C._len_torch_dispatch_stack


def is_transformed() -> bool:
    """Return whether a transform of `torch.func` or a level of forward mode is active."""
    return bool(has_transforms()) or forward_ad._current_level >= 0
