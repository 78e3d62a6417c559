"""Read the memory layout of an array from its DLPack capsule, and check the capsule's contents."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from .contract import row_major
from .memory import Placement

if TYPE_CHECKING:
    from .contract import Array

FLAT = (1, 2, 3, 10, 11, 13, 14)  # devices with pointers that are addresses: CPU, CUDA, ROCm, oneAPI; other pointers are handles
STREAMED = (2, 10, 13)  # kDLCUDA, kDLROCM and kDLCUDAManaged, on which an export may make a stream wait
READ_ONLY, COPIED = 1, 2  # DLPACK_FLAG_BITMASK_READ_ONLY and DLPACK_FLAG_BITMASK_IS_COPIED


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


class _Versioned(ctypes.Structure):  # DLManagedTensorVersioned; the unversioned struct begins with its DLTensor
    _fields_ = (
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, (ctypes.py_object, ctypes.c_char_p)
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


def read(array: Array) -> Placement | None:
    """Return the placement of an array, or None where it exports nothing, exports a copy, or has handles in place of addresses.

    Raises
    ------
    TypeError
        If the array exports an object that is no DLPack capsule, or a used capsule.
    ValueError
        If the capsule has another number of axes, or elements that are not whole bytes.
    """
    # PyTorch does not export a tensor that requires a gradient; the detached tensor has the same memory.
    array = getattr(array, "detach", lambda: array)()
    if not hasattr(array, "__dlpack__"):
        return None
    try:
        capsule = _capsule(array)
    except (BufferError, RuntimeError):  # the library says that this array cannot be exported
        return None
    return _read(capsule, type(array).__name__, len(array.shape))


def _capsule(array: Array) -> Any:
    device: Any = getattr(array, "__dlpack_device__", tuple)()
    # No stream needs to wait, because nothing is read; a captured stream must not wait.
    stream = {"stream": -1} if isinstance(device, tuple) and device[:1] and device[0] in STREAMED else {}
    try:
        return array.__dlpack__(**stream, max_version=(1, 0))  # version 1 is needed for read-only arrays
    except (TypeError, ValueError):  # a library older than DLPack's versions
        return array.__dlpack__(**stream)


def _read(capsule: Any, owner: str, ndim: int) -> Placement | None:
    flags = 0
    if _is_valid(capsule, b"dltensor_versioned"):
        managed = _Versioned.from_address(_get_pointer(capsule, b"dltensor_versioned"))
        if managed.version[0] != 1:  # other versions may have another layout
            raise ValueError(f"{owner} exports version {managed.version[0]} of DLPack, where version 1 was asked for")
        tensor, flags = managed.tensor, managed.flags
    elif _is_valid(capsule, b"dltensor"):
        tensor = _Tensor.from_address(_get_pointer(capsule, b"dltensor"))
    else:
        raise TypeError(f"{owner} exports no DLPack capsule that can be read, but a {type(capsule).__name__}: it may have been used before")
    if tensor.ndim != ndim:
        raise ValueError(f"{owner} of {ndim} axes exports a DLPack capsule of {tensor.ndim} axes")
    if ndim and not tensor.shape:
        raise ValueError(f"{owner} of {ndim} axes exports a DLPack capsule without a shape")
    itemsize, rest = divmod(tensor.bits * tensor.lanes, 8)
    if rest or not itemsize:
        raise ValueError(f"{owner} exports elements of {tensor.bits * tensor.lanes} bits by DLPack, which are no whole bytes")
    if flags & COPIED or tensor.device[0] not in FLAT:
        return None
    shape = tuple(tensor.shape[:ndim]) if ndim else ()
    strides = tensor.strides[:ndim] if ndim and tensor.strides else row_major(shape)
    address = (tensor.data or 0) + tensor.byte_offset
    return Placement(address, shape, tuple(step * itemsize for step in strides), itemsize, bool(flags & READ_ONLY))
