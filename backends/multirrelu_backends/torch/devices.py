"""Choose the kernel of a device: NumPy's on the CPU, Triton's on CUDA, and standard functions elsewhere or where these fail."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from operator import index
from subprocess import CalledProcessError
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from multirrelu import agnostic
from multirrelu._once import is_passing, once
from multirrelu.contract import KEYS, Slopes, row_major
from multirrelu.dtypes import dtype_name

from .. import _kernel
from .plain import bytes_of

OLDEST = (7, 0)  # the oldest compute capability that Triton supports
TOO_OLD = ("unsupported toolchain", "kernel image")  # the texts of a driver about code that a newer compiler made
Serve = Callable[[Tensor, Tensor, Any, "Slopes | float", Tensor], None]


def scale_plain(values: Tensor, gate: Tensor | None, key: Tensor | None, slopes: Slopes | float, out: Tensor | None = None) -> Tensor:
    """Scale a tensor with its own memory; the parameters are those of `memory.run`."""
    result = torch.empty_like(values) if out is None else out
    if key is None and isinstance(slopes, Slopes):
        key = slopes.key
    serve(values, values if gate is None else gate, key, slopes, result)
    return result


def serve(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    """Write scaled values to `out`; the parameters are those of `memory.run`, and a key is required where slopes are drawn."""
    device = values.device.type
    if device == "cpu":
        if isinstance(key, Tensor) and key.ndim:
            _row_by_row(_cpu, values, gate, key, slopes, out)
        else:
            _cpu(values, gate, key, slopes, out)
    elif device == "cuda":
        _cuda(values, gate, key, slopes, out)
    elif device != "meta":  # meta tensors have no elements
        _row_by_row(_standard, values, gate, key, slopes, out)


def scale_at_plain(values: Tensor, gate: Tensor | None, index: Tensor, key: Any, slopes: Slopes) -> Tensor:
    """Scale elements with given indices in a tensor with its own memory; the other parameters are those of `memory.run`."""
    result = torch.empty_like(values)
    gate = values if gate is None else gate
    if values.is_meta:
        return result
    if key.ndim:
        for row, own in enumerate(key):
            _at(values[row], gate[row], index[row], own, slopes, result[row])
    else:
        _at(values, gate, index, key, slopes, result)
    return result


def _at(values: Tensor, gate: Tensor, index: Tensor, key: Tensor, slopes: Slopes, out: Tensor) -> None:
    arrays = values, gate, out, index
    addresses = tuple(x.data_ptr() for x in arrays)
    aligned = all(at and not at % x.element_size() for at, x in zip(addresses, arrays, strict=True)) and not _negated(values, gate, out)
    if values.device.type == "cpu" and aligned and cpu_kernel() is not None:
        kind, strides, most = dtype_name(values.dtype), tuple(map(bytes_of, arrays)), torch.get_num_threads()
        if _kernel.run_at(kind, addresses, tuple(values.shape), strides, slopes, key.item(), most):
            return
    out.copy_(agnostic.scale_at(values, gate, index, slopes.keyed(key)))


def _row_by_row(one: Serve, values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    if isinstance(key, Tensor) and key.ndim:
        for row, own in enumerate(key):
            one(values[row], gate[row], own, slopes, out[row])
    else:
        one(values, gate, key, slopes, out)


def _cpu(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    number = 0
    if isinstance(slopes, Slopes):
        number = key.item() if isinstance(key, Tensor) else index(key)  # PyTorch does not take a uint64 as an index
    kernel = cpu_kernel()
    at = values.data_ptr(), gate.data_ptr(), out.data_ptr()
    aligned = not (at[0] | at[1] | at[2]) % values.element_size() and (all(at) or not values.numel())  # a ZeroTensor has no memory
    if kernel is None or not aligned or _negated(values, gate, out):
        _standard(values, gate, number % KEYS, slopes, out)
        return
    steps = bytes_of(values)
    strides = (
        steps,
        steps if gate is values else bytes_of(gate),
        steps if out is values or out.stride() == values.stride() else bytes_of(out),
    )
    if not kernel.run(dtype_name(values.dtype), at, tuple(values.shape), strides, slopes, number, torch.get_num_threads()):
        _standard(values, gate, number % KEYS, slopes, out)


def _cuda(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    """Launch Triton's kernel; the key stays on the device, and one launch takes the keys of all rows."""
    kernel = cuda_kernel(values.device)
    if kernel is None or _negated(values, gate, out):
        _row_by_row(_standard, values, gate, key, slopes, out)
    elif isinstance(slopes, Slopes):
        key, strides = key if isinstance(key, Tensor) else index(key) % KEYS, slopes.strides
        if isinstance(key, Tensor) and key.ndim:
            strides = (0, *(row_major(tuple(values.shape[1:])) if strides is None else strides))
        kernel.enqueue(values, gate, out, slopes.lattice, key, slopes.offset, strides)
    else:
        kernel.enqueue(values, gate, out, slopes)


def _standard(values: Tensor, gate: Tensor, key: Any, slopes: Slopes | float, out: Tensor) -> None:
    if isinstance(slopes, Slopes):
        slopes = slopes.keyed(key)
    with torch.no_grad():
        out.copy_(agnostic.scale(values, gate, slopes))


def _negated(values: Tensor, gate: Tensor, out: Tensor) -> bool:
    """Return whether a tensor stores its elements negated, such as the imaginary part of a conjugate."""
    return bool(values.is_neg() or gate.is_neg() or out.is_neg())


def prepare(values: Tensor) -> None:
    """Load or compile the kernel for a tensor on the CPU, before a key is drawn."""
    if values.device.type == "cpu" and not values.is_meta:
        _kernel.prepare(dtype_name(values.dtype), values.numel())


def cpu_kernel() -> Any:
    """Return the module that runs the compiled kernel, or None where Numba is missing, broken or switched off."""
    return _kernel if _kernel.kernels() is not None else None


@cache
def cuda_kernel(device: torch.device) -> Any:
    """Return the module that launches Triton's kernels on a device, or warn with the reason and return None where they fail."""
    if reason := triton_fails(device):
        warnings.warn(f"multirrelu: using the slower standard functions on {device} because {reason}", RuntimeWarning, stacklevel=2)
        return None
    from .. import _triton

    return _triton


def triton_fails(device: torch.device) -> str:
    """Return why Triton's kernels fail on a device, with the cure, or an empty string, as found by a first launch."""
    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        return _launch_fails(device)  # not in another thread, which must not launch during a capture
    return _launch_fails_once(device)


def _launch_fails(device: torch.device) -> str:
    if (capability := torch.cuda.get_device_capability(device)) < OLDEST:  # some versions of Triton crash on an older device
        had, needed = (".".join(map(str, version)) for version in (capability, OLDEST))
        return f"{torch.cuda.get_device_name(device)} has compute capability {had}, and Triton needs {needed} or later"
    try:
        from .. import _triton

        x = torch.zeros(1 << 14, dtype=torch.float32, device=device)
        _triton.enqueue(x, x, x, 0.5)
    except Exception as error:  # any failure of Triton selects the standard functions
        if is_passing(error):
            raise
        return _cure(error)
    return ""


_launch_fails_once = once(_launch_fails)


def _cure(error: Exception) -> str:
    """Return one line with the failure of Triton, and the package to install."""
    said = shorten(f"{type(error).__name__}: {error}", 160, placeholder=" ...")
    if isinstance(error, ImportError):
        return f"Triton cannot be imported ({said}): pip install {'triton-windows' if sys.platform == 'win32' else 'triton'}"
    if isinstance(error, CalledProcessError) or "C compiler" in str(error):
        return f"Triton cannot build its launcher ({said}): install a C compiler and Python's headers (Debian: apt install gcc python3-dev)"
    if any(text in str(error) for text in TOO_OLD):
        return f"the driver refuses Triton's code ({said}): install a newer driver, or the PyTorch that is built for its CUDA"
    return f"Triton cannot launch a kernel ({said})"


def describe() -> str:
    """Return the path that tensors take on each device, with the reason."""
    path = f"the fused kernel on the CPU, up to {torch.get_num_threads()} threads{_kernel.without_kernel()}"
    if cpu_kernel() is None:
        reason = "NumPy or Numba is missing, broken or switched off: pip install 'multirrelu[torch]'"
        path = f"using the slower standard functions on the CPU because {reason}"
    if not torch.cuda.is_available():
        return path
    device = torch.device("cuda", torch.cuda.current_device())
    if reason := triton_fails(device):
        return f"{path}; the slower standard functions on {device} because {reason}"
    return f"{path}; a fused kernel by Triton on {device}, where scale_at and sparse tensors use the slower standard functions"
