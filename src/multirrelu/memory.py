"""Where arrays lie in memory, read through DLPack, and whether two of them share a byte."""

from __future__ import annotations

import ctypes
import math
from typing import NamedTuple

from .contract import Array, row_major


class Placement(NamedTuple):
    """The memory of an array: its first element's address, its axes as (length, stride in bytes), an element's bytes."""

    address: int
    axes: tuple[tuple[int, int], ...]
    itemsize: int
    read_only: bool = False


class _Tensor(ctypes.Structure):  # DLTensor of dlpack.h, https://dmlc.github.io/dlpack/latest/c_api.html
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Versioned(ctypes.Structure):  # DLManagedTensorVersioned
    _fields_ = (
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_get_name = ctypes.pythonapi.PyCapsule_GetName
_get_name.restype, _get_name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


STREAMED = (2, 10, 13)  # kDLCUDA, kDLROCM and kDLCUDAManaged: there, a stream may be told to wait for another


def placement(array: Array) -> Placement:
    """Return where an array lies, by NumPy's protocol where it has that one (NumPy exports no big-endian or bfloat16), or by DLPack."""
    if (interface := getattr(array, "__array_interface__", None)) is not None:
        strides = interface["strides"] or (step * array.itemsize for step in row_major(array.shape))
        return Placement(interface["data"][0], tuple(zip(array.shape, strides, strict=True)), array.itemsize, interface["data"][1])
    # PyTorch exports no tensor that requires a gradient; its memory is that of the detached one.
    array = getattr(array, "detach", lambda: array)()
    kind, _ = getattr(array, "__dlpack_device__", lambda: (1, 0))()
    stream = {"stream": -1} if kind in STREAMED else {}  # no stream need wait, for nothing is read; one that is captured must not
    try:
        capsule = array.__dlpack__(**stream, max_version=(1, 0))  # read-only arrays need version 1
    except TypeError:  # a library from before DLPack had versions
        capsule = array.__dlpack__(**stream)
    name = _get_name(capsule)
    pointer = _get_pointer(capsule, name)
    form = _Versioned if name == b"dltensor_versioned" else _Tensor
    managed = ctypes.cast(pointer, ctypes.POINTER(form)).contents
    tensor = managed.tensor if isinstance(managed, _Versioned) else managed
    itemsize = tensor.bits * tensor.lanes // 8
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tensor.strides[: tensor.ndim] if tensor.strides else row_major(shape)
    axes = tuple((length, stride * itemsize) for length, stride in zip(shape, strides, strict=True))
    read_only = isinstance(managed, _Versioned) and bool(managed.flags & 1)  # DLPACK_FLAG_BITMASK_READ_ONLY
    return Placement((tensor.data or 0) + tensor.byte_offset, axes, itemsize, read_only)


def overlap_in_part(a: Placement, b: Placement) -> bool:
    """Return whether two arrays share memory without being one and the same."""
    if 0 in (length for length, _ in a.axes + b.axes):
        return False
    if (a.address, _moving(a)) == (b.address, _moving(b)):
        return False
    return _meet(a, b)


def overlaps_itself(a: Placement) -> bool:
    """Return whether elements of an array share memory, as those of a broadcast array do."""
    if 0 in (length for length, _ in a.axes):
        return False
    reach = a.itemsize
    for length, stride in sorted(_moving(a), key=lambda axis: abs(axis[1])):
        if abs(stride) < reach:
            return True  # a few odd layouts interleave without meeting; writing to them is refused as well
        reach += abs(stride) * (length - 1)
    return False


def _moving(a: Placement) -> tuple[tuple[int, int], ...]:
    return tuple(axis for axis in a.axes if axis[0] > 1)


def _meet(a: Placement, b: Placement, patience: int = 10_000) -> bool:
    """Return whether an element of `a` and one of `b` share a byte; past `patience` steps of search, say that they do."""
    # Addresses of a less those of b are a sum of stride * k; equal strides are one term, so that slices of one array decide fast.
    ranges: dict[int, list[int]] = {}
    for axes, sign in ((a.axes, 1), (b.axes, -1)):
        for length, stride in (axis for axis in axes if axis[0] > 1):
            ends = ranges.setdefault(abs(stride), [0, 0])
            ends[sign * stride > 0] += (length - 1) * (1 if sign * stride > 0 else -1)
    terms = sorted((stride, *ends) for stride, ends in ranges.items() if stride)
    apart = b.address - a.address
    if (step := math.gcd(*ranges)) and a.itemsize <= apart % step <= step - b.itemsize:
        return False  # whatever the coordinates are, as between the even and the odd elements of an array
    stack = [(apart, len(terms))]
    while stack and patience:
        patience -= 1
        target, left = stack.pop()
        if left == 0:
            if -b.itemsize < target < a.itemsize:
                return True
            continue
        stride, first, last = terms[left - 1]
        least = sum(s * lo for s, lo, _ in terms[: left - 1]) - b.itemsize + 1
        most = sum(s * hi for s, _, hi in terms[: left - 1]) + a.itemsize - 1
        candidates = range(max(first, -((most - target) // stride)), min(last, (target - least) // stride) + 1)
        if len(candidates) > patience:
            return True
        stack.extend((target - stride * k, left - 1) for k in candidates)
    return bool(stack)
