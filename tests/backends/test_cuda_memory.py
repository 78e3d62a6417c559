"""Where CuPy's kernels read and write, on the host: which of them runs, 16 bytes at a time, up to the last byte, and past 32 bits."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os

import pytest

np = pytest.importorskip("numpy")

import host_build  # noqa: E402
import host_cuda  # noqa: E402
from cases import assert_same_bits, dtype_of, expected  # noqa: E402
from host_cuda import host, nothing_undefined  # noqa: E402, F401

from multirrelu import Slopes  # noqa: E402

cupy = host_cuda.install()

from cuda_arrays import aligned, backend, scale  # noqa: E402

from multirrelu_backends import _cuda as kernels  # noqa: E402

pytestmark = pytest.mark.usefixtures("nothing_undefined")

KINDS = list(kernels.FORMATS)
POINTS = (1 / 8, 1 / 3)


@pytest.mark.parametrize(
    ("x", "slopes", "kernel", "threads"),
    [
        (aligned(4096), Slopes(*POINTS, 1), "consecutive_float32", 1024),
        (aligned(4097), Slopes(*POINTS, 1), "consecutive_float32", 1152),
        (aligned(4096), Slopes(*POINTS, 1, offset=1), "consecutive_float32", 1152),
        (aligned(8192, "f2"), Slopes(*POINTS, 1), "consecutive_float16", 1024),
        (aligned(8192, "bfloat16"), Slopes(*POINTS, 1), "consecutive_bfloat16", 1024),
        (aligned(1024, "f8"), 0.25, "consecutive_float64", 256),
        (aligned(1024).reshape(32, 32).T, 0.25, "consecutive_float32", 256),
        (aligned(1024).reshape(32, 32).T, Slopes(*POINTS, 1, strides=(1, 32)), "consecutive_float32", 256),
        (aligned(1024).reshape(32, 32).T, Slopes(*POINTS, 1), "anywhere_float32", 1024),
        (aligned(2048)[::2], Slopes(*POINTS, 1), "anywhere_float32", 1024),
        (aligned(1024), Slopes(*POINTS, 1, strides=(0,)), "anywhere_float32", 1024),
    ],
    ids=str,
)
def test_which_kernel_and_how_many_threads(x, slopes, kernel, threads):
    host.launched.clear()
    scale(x, x, slopes)
    (launch,) = host.launched
    assert (launch.kernel, launch.blocks * launch.threads) == (f"multirrelu_{kernel}", threads)


@pytest.fixture(scope="module")
def aligned_on_the_host(tmp_path_factory):
    """Return the device code's own test of addresses."""
    place = tmp_path_factory.mktemp("aligned")
    call = "return multirrelu::aligned((const T *)v, (const T *)g, (const T *)o, skip);"
    functions = [
        f'extern "C" bool aligned{size}(u64 v, u64 g, u64 o, unsigned skip) {{ typedef {kind} T; {call} }}'
        for size, kind in ((2, "unsigned short"), (4, "float"), (8, "double"))
    ]
    done = host_build.compiled("\n".join([host_build.BEFORE, kernels.PREAMBLE, "typedef unsigned long long u64;", *functions]), place)
    assert (done.returncode, done.stderr) == (0, "")
    library = ctypes.CDLL(str(place / "kernel.so"))
    for size in (2, 4, 8):
        function = getattr(library, f"aligned{size}")
        function.restype, function.argtypes = ctypes.c_bool, [ctypes.c_ulonglong] * 3 + [ctypes.c_uint]
    return lambda size, *arguments: getattr(library, f"aligned{size}")(*arguments)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_16_bytes_at_a_time_wherever_all_three_are_aligned(size, aligned_on_the_host):
    for skip in range(4):
        for starts in itertools.product(range(0, 32, size), repeat=3):
            wide = all((start - skip * size) % 16 == 0 for start in starts)
            assert aligned_on_the_host(size, *[2**20 + start for start in starts], skip) == wide


def test_neighbours_in_memory_are_neighbours_among_the_threads(monkeypatch):
    given = []
    monkeypatch.setattr(kernels, "anywhere", lambda *_: lambda *arguments: given.append(arguments))
    x = aligned(1024).reshape(32, 32).T
    scale(x, x, Slopes(*POINTS, 1))
    values, gate, *_, step0, step1, out = given[0]
    assert {array.strides for array in (values, gate, out)} == {(128, 4)}
    assert (step0, step1) == (1, 32)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("size", [1, 5, 8, 1021, 1024])
def test_nothing_past_the_end_is_touched(size, dtype):
    """The array ends where a page ends, and whoever touches the next page is ended by the system."""

    def both_kernels(x):
        scale(x, x, Slopes(*POINTS, 3, offset=1), out=x)
        scale(x[::-1], x[::-1], Slopes(*POINTS, 3, offset=1), out=x[::-1])

    memory = mmap.mmap(-1, 4 * mmap.PAGESIZE)
    page = np.frombuffer(memory, dtype=np.uint8).ctypes.data
    kind = dtype_of(dtype)
    both_kernels(np.ones(size, dtype=kind))  # what is compiled is there before the fork
    x = np.frombuffer(memory, dtype=kind, count=size, offset=2 * mmap.PAGESIZE - size * kind.itemsize)
    child = os.fork()
    if child == 0:
        protected = protect(page + 2 * mmap.PAGESIZE, mmap.PAGESIZE)
        both_kernels(x)
        os._exit(0 if protected and not host.failed else 3)
    assert os.waitpid(child, 0)[1] == 0


def protect(address, length):
    return ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(length), 0) == 0


@pytest.mark.parametrize(
    ("shape", "strides", "steps", "last"),
    [
        ((2**33 + 512,), (4,), (1,), (512,)),
        ((2**33 + 128,), (4,), (3,), (128,)),
        ((2**26 + 1, 128), (516, 4), (131, 1), (1, 128)),
    ],
    ids=["consecutive", "one axis", "two axes"],
)
def test_places_of_64_bits(shape, strides, steps, last, monkeypatch):
    """Elements past 2**32 are found: no such array fits here, so that only the last block of a launch runs."""
    x = aligned(512)
    out, before = np.zeros_like(x), shape[0] - last[0]

    def huge(array):  # whose last elements are those of the array
        memory = cupy.cuda.UnownedMemory(array.ctypes.data - before * strides[0], 2**40, array, device_id=0)
        return cupy.ndarray(shape, array.dtype, cupy.cuda.MemoryPointer(memory, 0), strides)

    monkeypatch.setattr(host, "only_last_block", True)
    backend.scale(huge(x), huge(x), Slopes(*POINTS, 6, strides=steps), out=huge(out))
    part, want = np.lib.stride_tricks.as_strided(x, last, strides), np.zeros_like(x)
    np.lib.stride_tricks.as_strided(want, last, strides)[...] = expected(part, part, Slopes(*POINTS, 6, before * steps[0], steps))
    assert_same_bits(out, want, shape)
