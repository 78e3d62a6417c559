"""Raise before slopes are drawn for tensors and generators that PyTorch would refuse later, or handle wrongly."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from multirrelu.scalars import shown

from . import compiled, devices, dtensor, dtensor_ops, sparse
from .plain import PLAIN, is_dtensor
from .state import count_modes, is_compiling

LARGE = 1 << 17  # elements; calls of this size and more use threads, and their allocation may fail
_prepared: set[torch.dtype] = set()  # dtypes whose kernel is loaded for small tensors on the CPU


def check(values: Any, gate: Any, out: Any, *, drawn: bool, stateful: object) -> None:
    """Raise for tensors, outputs and generators that are not supported; see `multirrelu.contract`.

    Raises
    ------
    RuntimeError
        If `out` is a tensor that PyTorch's own operators do not write to: a leaf that requires grad, or a view of one, while gradients
        are recorded; a view that was taken without recording, or by `unbind`; an inference tensor outside of inference mode. Or if a
        generator is used where PyTorch does not replay it.
    TypeError
        If a kind of tensor or a layout is not supported.
    """
    if stateful is not None:
        _check_replayed()
    if (
        type(values) in PLAIN
        and gate is values
        and out is None
        and values.layout is torch.strided
        and not (values.is_nested or is_compiling())
    ):
        if drawn and not (values.dtype in _prepared and values.is_cpu and values.numel() < LARGE):
            _prepare(values)
        return
    _check_kinds(values, gate, out)
    if values.layout is not torch.strided or gate.layout is not torch.strided:
        sparse.check(values, gate, out)
    if is_dtensor(values) or is_dtensor(gate) or is_dtensor(out):
        dtensor_ops.prepare(type(values))
        dtensor.check(values, gate, out)
    if is_compiling():
        compiled.prepare_trace()
    else:
        if isinstance(out, Tensor):
            _check_written(out)
        if drawn and type(values) in PLAIN:
            _prepare(values)


def _prepare(values: Tensor) -> None:
    """Load the kernel, and check that memory can be allocated, before a generator advances."""
    devices.prepare(values)
    if values.numel() >= LARGE:
        torch.empty_like(values)
    elif values.is_cpu:
        _prepared.add(values.dtype)


def _check_replayed() -> None:
    """Raise where PyTorch runs a function again, or a graph of it, without restoring the state of the caller's generator."""
    if is_compiling():
        compiled.prepare_trace()
        raise RuntimeError("a generator passed as rng cannot be drawn from in a graph of PyTorch: pass rng=None or an int")
    if "torch.utils.checkpoint" in sys.modules and _runs("torch.utils.checkpoint"):
        raise RuntimeError(
            "a generator passed as rng is not replayed by torch.utils.checkpoint, whose recomputation would draw other slopes: "
            "pass rng=None, because PyTorch's global generators are replayed, or an int"
        )


def _runs(module: str) -> bool:
    """Return whether a function of a module is on the call stack."""
    frame = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None


def _check_kinds(*tensors: Any) -> None:
    for x in tensors:
        if x is not None and (type(x) not in PLAIN or x.is_nested):
            _check_kind(x)


def _check_kind(values: Any) -> None:
    if (fx := sys.modules.get("torch.fx")) and isinstance(values, fx.Proxy):
        raise TypeError(
            "torch.fx traces this call, so that slopes cannot be drawn: call torch.fx.wrap('rrelu') in the module that defines your "
            "forward and calls rrelu, or use multirrelu.layers.torch.RReLU"
        )
    if not isinstance(values, Tensor):
        return
    if values.is_nested:
        raise TypeError("nested tensors are not supported: apply rrelu to their values, or to a padded tensor")
    name = type(values).__name__
    if name == "MaskedTensor":
        raise TypeError("MaskedTensors are not supported: apply rrelu to x.get_data(), and mask the result")
    if name == "FakeTensor" and not count_modes() and not is_compiling():
        raise TypeError(f"fake tensors work only inside their mode, got {shown(values)}: use it under `with x.fake_mode:`")


def _check_written(out: Tensor) -> None:
    if out.layout is not torch.strided:
        raise TypeError(f"tensors of layout {out.layout} cannot be written to: leave out and inplace")
    if out.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError(f"an inference tensor, of shape {tuple(out.shape)}, cannot be written to outside of inference mode")
    if not (out.requires_grad and torch.is_grad_enabled()):
        return
    whole = out._base if out._is_view() else None
    if (out if whole is None else whole).is_leaf:
        which = "a leaf" if whole is None else "a view of a leaf"
    elif whole is not None and torch._C._autograd._get_creation_meta(out) != torch._C._autograd.CreationMeta.DEFAULT:
        which = "a view that was taken without recording gradients, or by unbind and the like,"
    else:
        return
    raise RuntimeError(f"{which} that requires grad, of shape {tuple(out.shape)}, cannot be written to while gradients are recorded")
