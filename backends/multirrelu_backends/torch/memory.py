"""Tensors where they lie: which kernel serves a device, with neither gradients nor transforms in sight."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import index
from typing import Any

import torch
from torch import Tensor

from multirrelu import agnostic
from multirrelu.contract import KEYS, Slopes, row_major
from multirrelu.dtypes import dtype_name
from multirrelu.memory import Placement
from multirrelu.stream import lattice


def scale_written(values: Tensor, gate: Tensor | None, slopes: Slopes | float, out: Tensor | None) -> Tensor:
    """Scale, and tell autograd that `out` was written to; a gate of None is the values themselves."""
    result = scale(values, gate, None, slopes, out)
    if out is not None and not out.is_inference():
        torch.autograd.graph.increment_version(out)
    return result


def scale(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
    """Scale a tensor of any type: what is no plain memory goes through the operator, which PyTorch's modes and subclasses see.

    Parameters
    ----------
    values, gate : Tensor
        A gate of None is the values themselves.
    key : Tensor or None
        Goes before the key in `slopes` where it is given: int64, 0-d, or of one axis, along which each row of `values` has its own key.
    slopes : Slopes or float
        Its strides, where it has some, are those of the axes behind the one of the keys.
    out : Tensor or None
        Written to and returned where it is given.
    """
    if _is_plain(values) and (gate is None or _is_plain(gate)) and not torch._C._len_torch_dispatch_stack():
        return scale_plain(values, gate, key, slopes, out)
    from .ops import scale_dispatched

    result = scale_dispatched(values, gate, key, slopes)
    return result if out is None else out.copy_(result)


def _is_plain(x: Tensor) -> bool:
    # Some subclasses see operators alone, and what wraps a tensor for the time of a transform has no storage.
    return type(x).__torch_dispatch__ is Tensor.__torch_dispatch__ and torch._C._has_storage(x)


def scale_plain(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
    """Scale a tensor that has memory of its own; the parameters are those of `scale`."""
    result = torch.empty_like(values) if out is None else out
    gate = values if gate is None else gate
    if isinstance(slopes, Slopes):
        key = slopes.key if key is None else key
    serve = _DEVICES.get(values.device.type, _standard)
    if isinstance(key, Tensor) and key.ndim and serve is not _cuda:
        for row, one in enumerate(key):
            serve(values[row], gate[row], one, slopes, result[row])
    else:
        serve(values, gate, key, slopes, result)
    return result


def _cpu(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    number = 0
    if isinstance(slopes, Slopes):
        number = key.item() if isinstance(key, Tensor) else index(key)  # a uint64 is no index to PyTorch
    kernel = cpu_kernel()
    # A negated view holds its values with the wrong sign until it is resolved.
    if kernel is None or values.is_neg() or gate.is_neg() or out.is_neg():
        _standard(values, gate, number % KEYS, slopes, out)
        return
    size = values.element_size()
    v = g = o = values.data_ptr(), _bytes(values, size)
    if gate is not values:
        g = gate.data_ptr(), _bytes(gate, size)
    if out is not values:
        o = out.data_ptr(), v[1] if out.stride() == values.stride() else _bytes(out, size)
    (v_at, v_steps), (g_at, g_steps), (o_at, o_steps) = v, g, o
    addresses, strides = (v_at, g_at, o_at), (v_steps, g_steps, o_steps)
    if not kernel.scale(dtype_name(values.dtype), addresses, tuple(values.shape), strides, slopes, number, torch.get_num_threads()):
        _standard(values, gate, number % KEYS, slopes, out)


def _cuda(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    """Launch Triton's kernel, for which a key need not leave the device; there may be one for each row."""
    kernel = cuda_kernel()
    if kernel is None or values.is_neg() or gate.is_neg() or out.is_neg():
        _standard(values, gate, key, slopes, out)
    elif isinstance(slopes, Slopes):
        key, strides = key if isinstance(key, Tensor) else index(key) % KEYS, slopes.strides
        if isinstance(key, Tensor) and key.ndim:
            strides = (0, *(row_major(tuple(values.shape[1:])) if strides is None else strides))
        kernel.scale(values, gate, out, lattice(slopes.lower, slopes.upper), key, slopes.offset, strides)
    else:
        kernel.scale(values, gate, out, slopes)


def _bytes(x: Tensor, size: int) -> tuple[int, ...]:
    return tuple([step * size for step in x.stride()])


def _standard(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    if isinstance(slopes, Slopes):
        slopes = Slopes(slopes.lower, slopes.upper, key, slopes.offset, slopes.strides)
    with torch.no_grad():
        out.copy_(agnostic.scale(values, gate, slopes))


def _nothing(*_: Any) -> None:
    """Meta tensors have no elements to scale."""


_DEVICES: dict[str, Callable[[Tensor, Tensor, Any, Slopes | float, Tensor], None]] = {"cpu": _cpu, "cuda": _cuda, "meta": _nothing}


@cache
def cpu_kernel() -> Any:
    """Return the module that runs the compiled kernel, or None where NumPy or Numba is missing, broken or switched off."""
    try:
        from .. import _kernel
    except ModuleNotFoundError:  # NumPy's; `describe` says so
        return None
    return _kernel if _kernel.kernels() is not None else None


@cache
def cuda_kernel() -> Any:
    """Return the module that launches Triton's kernels, or None where Triton is missing."""
    try:
        from .. import _triton
    except ModuleNotFoundError:  # `describe` says so
        return None
    return _triton


def placement(x: Tensor) -> Placement | None:
    """Return where a tensor lies, or None where it has no memory: in a graph, on the meta device, or within a transform."""
    if torch.compiler.is_compiling() or x.layout is not torch.strided or x.is_meta or not _is_plain(x):
        return None
    size = x.element_size()
    return Placement(x.data_ptr(), tuple(zip(x.shape, _bytes(x, size), strict=True)), size)


def describe() -> str:
    """Return which path tensors take on each device, and why."""
    path = f"the fused kernel on the CPU, up to {torch.get_num_threads()} threads"
    if cpu_kernel() is None:
        path = "standard functions on the CPU, for NumPy or Numba is missing, broken or switched off: pip install 'multirrelu[torch]'"
    if not torch.cuda.is_available():
        return path
    cuda = "Triton's kernels" if cuda_kernel() is not None else "standard functions, for Triton is missing: pip install triton"
    return f"{path}; on CUDA {cuda}"
