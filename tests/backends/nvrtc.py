"""NVIDIA's run-time compiler without a GPU: which versions are installed, and what one makes of a source."""

from __future__ import annotations

import ctypes
import re
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12")  # of CUDA 13, and of 12, the last to know Volta


class Code(NamedTuple):
    """What NVRTC says, the code for the machine, and PTX."""

    log: str
    cubin: bytes
    ptx: str


def library_for(architecture: int) -> Any:
    """Return an installed NVRTC that compiles for an architecture such as 90, or None."""
    for package in PACKAGES:
        try:
            found = [Path(file.locate()) for file in files(package) or () if re.match(r"libnvrtc\.so\.\d+$", file.name)]
        except PackageNotFoundError:
            continue
        for path in found:
            library = ctypes.CDLL(str(path))
            count = ctypes.c_int()
            library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
            known = (ctypes.c_int * count.value)()
            library.nvrtcGetSupportedArchs(known)
            if architecture in known:
                return library
    return None


def compile_for(library: Any, source: str, architecture: int, options: tuple[str, ...]) -> Code:
    """Compile a source with CuPy's options, for another architecture; what goes wrong is in the AssertionError."""
    program = ctypes.c_void_p()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"source.cu", 0, None, None) == 0
    ours = [option for option in options if not option.startswith("-arch")]
    given = [option.encode() for option in (*ours, "--ptxas-options=-v", f"-arch=sm_{architecture}")]
    failed = library.nvrtcCompileProgram(program, len(given), (ctypes.c_char_p * len(given))(*given))
    log, cubin, ptx = (_take(library, program, what) for what in ("ProgramLog", "CUBIN", "PTX"))
    library.nvrtcDestroyProgram(ctypes.byref(program))
    assert not failed, log.decode()
    return Code(log.rstrip(b"\0").decode(), cubin, ptx.rstrip(b"\0").decode())


def _take(library: Any, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw
