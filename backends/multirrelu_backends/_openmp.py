"""Find the OpenMP library of PyTorch, whose threads are awake after each operator and would take the cores from other threads.

OpenMP's threads wait actively for some milliseconds after each parallel operator of PyTorch. A kernel on other threads then gets a part of
the cores: large NumPy arrays reach 0.6 of their speed. On the same threads it gets all. These limits keep it safe:

- Only the main thread uses OpenMP, because each thread that does gets a team of its own.
- A child of a fork does not use it, because the threads of the team do not exist there.
- A thread must have started first, because OpenMP ends the process where it cannot start its threads.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from _thread import get_ident, start_new_thread
from pathlib import Path

_found: int | None = None  # unknown before PyTorch is imported


def parallel() -> int:
    """Return the address of `GOMP_parallel` in the OpenMP library that PyTorch has loaded; 0 where it is not to be used."""
    global _found
    if _found is None:
        torch = sys.modules.get("torch")
        if torch is None or getattr(torch.__spec__, "_initializing", False):
            return 0
        _found = _address(str(torch.__file__)) if sys.platform == "linux" else 0
    return _found if _found and get_ident() == threading.main_thread().ident else 0


def _address(torch: str) -> int:
    try:
        start_new_thread(int, ())
        library = ctypes.CDLL(str(Path(torch).parent / "lib" / "libtorch_cpu.so"), mode=os.RTLD_NOLOAD)
        return ctypes.cast(library.GOMP_parallel, ctypes.c_void_p).value or 0  # of the library that it depends on
    except (AttributeError, OSError, RuntimeError):
        return 0


def _leave() -> None:
    """Use no OpenMP in a child whose parent may have had a team."""
    global _found
    if "torch" in sys.modules:
        _found = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)
