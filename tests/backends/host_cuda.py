"""CuPy on a machine without a GPU: all of CuPy is real but CUDA's driver, in whose place the host answers.

CuPy's modules reach the driver through C functions, which they take from two of them on import (Cython's ``__pyx_capi__``). `install` puts
others in their place: memory is the host's, devices, streams and events are numbers, and a kernel runs in the calling thread, once
what CuPy composed has gone through NVRTC as ever and was built for the host as well.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import host_build
import numpy as np
import pytest
from host_build import Text

BETWEEN_DEVICES = 4  # cudaMemcpyDefault, by which CuPy copies from one device to another


class Launch(NamedTuple):
    """A kernel that ran: on which device and stream, its name, and how many blocks of how many threads."""

    device: int
    stream: int
    kernel: str
    blocks: int
    threads: int


class Host:
    """What the driver would know, and what it has been told: launches, and in `order` what streams wait for and devices copy."""

    def __init__(self) -> None:
        self.device = 0
        self.launched: list[Launch] = []
        self.order: list[tuple[Any, ...]] = []
        self.texts: list[Text] = []
        self.failed: list[Exception] = []
        self.only_last_block = False
        self._codes: dict[bytes, Text] = {}
        self._modules: list[Any] = [None]
        self._recorded: dict[int, int] = {}

    def compiled(self, code: bytes, text: Text) -> None:
        self.texts.append(text)
        self._codes[code] = text

    def load(self, code: bytes) -> int:
        text = self._codes[code]
        self._modules.append((text.kernel, host_build.built(text, headers())))
        return len(self._modules) - 1

    def launch(self, function: int, x: int, y: int, z: int, threads: int, *more: int) -> None:
        *_, stream, at, _ = more  # the block's other sides and shared memory are not used, nor is what CUDA calls extra
        name, run = self._modules[function]
        self.launched.append(Launch(self.device, stream, name, x, threads))
        run(x - 1 if self.only_last_block else 0, x, threads, ctypes.c_void_p(at))

    def set_device(self, number: int) -> None:
        self.device = number

    def copy(self, to: int, source: int, size: int, kind: int, stream: int = 0) -> None:
        if kind == BETWEEN_DEVICES:
            self.order.append((self.device, "copies"))
        ctypes.memmove(to, source, size)

    def record(self, event: int, stream: int) -> None:
        self._recorded[event] = self.device
        self.order.append((self.device, "records"))

    def wait(self, stream: int, event: int) -> None:
        self.order.append((self.device, "waits for", self._recorded[event]))


host = Host()
_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes, _libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
_handle = itertools.count(1).__next__


def _nothing(*_: int) -> None:
    """Do nothing: the host has always done all that it was asked to."""


def _free(address: int) -> None:
    _libc.free(address)


def _fill(to: int, value: int, size: int, *_: int) -> None:
    ctypes.memset(to, value, size)


RUNTIME: dict[str, Callable[..., Any]] = {
    "_ensure_context": _nothing,
    "getDevice": lambda: host.device,
    "setDevice": host.set_device,
    "getDeviceCount": lambda: 4,
    "deviceGetAttribute": lambda attribute, device: {75: 9, 76: 0}[attribute],  # compute capability 9.0
    "deviceCanAccessPeer": lambda device, peer: 0,
    "malloc": _libc.malloc,
    "free": _free,
    "hostAlloc": lambda size, flags: _libc.malloc(size),
    "freeHost": _free,
    "pointerGetMemoryType": lambda address: 0,
    "memcpy": host.copy,
    "memcpyAsync": host.copy,
    "memset": _fill,
    "memsetAsync": _fill,
    "streamCreateWithFlags": lambda flags: _handle(),
    "streamCreateWithPriority": lambda flags, priority: _handle(),
    "streamDestroy": _nothing,
    "streamSynchronize": _nothing,
    "streamIsCapturing": lambda stream: 0,
    "streamWaitEvent": host.wait,
    "eventCreateWithFlags": lambda flags: _handle(),
    "eventRecord": host.record,
    "eventDestroy": _nothing,
}
DRIVER: dict[str, Callable[..., Any]] = {
    "moduleLoadData": host.load,
    "moduleGetFunction": lambda module, name: module,
    "moduleUnload": _nothing,
    "launchKernel": host.launch,
}

# How CuPy comes to them.

_TYPES = {
    "void": None,
    "int": ctypes.c_int,
    "unsigned int": ctypes.c_uint,
    "size_t": ctypes.c_size_t,
    "intptr_t": ctypes.c_ssize_t,
    "PyObject *": ctypes.py_object,
}
_new, _name = ctypes.pythonapi.PyCapsule_New, ctypes.pythonapi.PyCapsule_GetName
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
_name.restype, _name.argtypes = ctypes.c_void_p, [ctypes.py_object]


def _keep(thing: Any) -> Any:
    """Keep an object for ever: a callback cannot be called while the interpreter ends, nor must a module of CuPy then call one."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    """Let a module give `function` to whoever imports its C function of this name, whose signature is the capsule's name."""
    address = _name(module.__pyx_capi__[name])
    result, parameters = re.fullmatch(r"(.+?) ?\((.*)\)", ctypes.string_at(address).decode()).groups()
    given = [part.strip() for part in parameters.split(",") if "__pyx" not in part and part != "void"]
    more = parameters.count("__pyx_skip_dispatch") * [ctypes.c_int] + parameters.count("__pyx_optional_args") * [ctypes.c_void_p]

    def answer(*arguments: Any) -> Any:
        try:
            return function(*arguments[: len(given)])
        except Exception as error:  # noqa: BLE001 - which the C functions that call this would not see
            host.failed.append(error)
            return None if result == "PyObject *" else 0

    made = ctypes.PYFUNCTYPE(_TYPES[result], *[_TYPES[part] for part in given], *more)(answer)
    _keep(made)
    module.__pyx_capi__[name] = _new(ctypes.cast(made, ctypes.c_void_p), address, None)


@cache
def install() -> Any:
    """Return CuPy, with the host in the driver's place; skip where there is a driver, or what this needs is not there."""
    if find_spec("cupy") is None:
        pytest.skip("CuPy is not installed", allow_module_level=True)
    if _has_driver():
        pytest.skip("there is a driver of CUDA, which CuPy is to use", allow_module_level=True)
    if reason := host_build.missing():
        pytest.skip(reason, allow_module_level=True)
    assert "cupy" not in sys.modules, "CuPy has been imported before, and taken the driver's own functions"
    os.environ["CUPY_CACHE_IN_MEMORY"] = "1"  # what is on disk would not be compiled
    for name, functions in {"runtime": RUNTIME, "driver": DRIVER}.items():
        for function, own in functions.items():
            _replace(importlib.import_module(f"cupy_backends.cuda.api.{name}"), function, own)
    import cupy

    compiler, load = cupy.cuda.compiler, cupy.cuda.compiler._compile_module_with_cache
    compiler._compile_module_with_cache = lambda *arguments, **options: _keep(load(*arguments, **options))

    class Program(compiler._NVRTCProgram):
        def compile(self, options: Any = (), log_stream: Any = None) -> Any:
            code, mapping = super().compile(options, log_stream)
            if named := re.search(r'extern "C" __global__ void (?:__launch_bounds__\(\d+\) )?(\w+)\(', self.src):
                host.compiled(code, Text(named[1], self.src, options))
            return code, mapping

    compiler._NVRTCProgram = Program
    return cupy


def headers() -> Path:
    """Return the folder of CuPy's own headers."""
    return Path(sys.modules["cupy"].__file__).parent / "_core" / "include"


def view(x: Any) -> Any:
    """Return a NumPy array as an array of CuPy, in the same memory and of the same layout."""
    cupy, x = install(), np.asarray(x)
    memory = cupy.cuda.UnownedMemory(x.ctypes.data, x.nbytes, x, device_id=0)
    return cupy.ndarray(x.shape, x.dtype, cupy.cuda.MemoryPointer(memory, 0), x.strides)


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@pytest.fixture
def nothing_undefined(capfd: pytest.CaptureFixture[str]) -> Any:
    """Fail where the sanitizer finds something, or the host could not answer."""
    host.failed.clear()
    yield
    assert not host.failed, host.failed[0]
    assert "runtime error" not in capfd.readouterr().err
