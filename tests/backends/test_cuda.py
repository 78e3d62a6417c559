"""The device code of CuPy's kernels without a GPU: on the host to the reference's bits, in every layout."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os

import pytest

np = pytest.importorskip("numpy")

import host_build  # noqa: E402
import host_cuda  # noqa: E402
from cases import SHAPES, assert_same_bits, bits, dtype_of, expected, layouts, slopes_for  # noqa: E402
from host_cuda import host, nothing_undefined, view  # noqa: E402, F401
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from multirrelu import Slopes  # noqa: E402

cupy = host_cuda.install()

import multirrelu_backends.cupy as backend  # noqa: E402
from multirrelu_backends import _cuda as kernels  # noqa: E402

pytestmark = pytest.mark.usefixtures("nothing_undefined")

KINDS = list(kernels.FORMATS)
POINTS = (1 / 8, 1 / 3)


def scale(values, gate, slopes, out=None):
    """Multiply NumPy arrays as arrays of CuPy, where they lie."""
    result = np.empty_like(values, subok=False) if out is None else out
    backend.scale(view(values), view(gate), slopes, out=view(result))
    return result


def aligned(size, dtype="f4", off=0):
    """Return an array whose memory begins `off` elements past a multiple of 16 bytes."""
    kind = dtype_of(dtype)
    memory = np.zeros(size * kind.itemsize + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 16 + off * kind.itemsize
    x = memory[start : start + size * kind.itemsize].view(kind)
    x[:] = np.random.default_rng(5).standard_normal(size)
    return x


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(shape, dtype):
    for number, x in enumerate(layouts(shape, dtype_of(dtype), seed=1)):
        for kind, slopes in enumerate(slopes_for(shape)):
            context = f"layout {number}, strides {x.strides}, {slopes}"
            want = expected(x, x, slopes)
            assert_same_bits(scale(x, x, slopes), want, context)
            own = np.array(x, order="K")
            scale(own, own, slopes, out=own)
            assert_same_bits(own, want, f"in place, {context}")
            if (number + kind) % 3 == 0:
                gate, out = np.asarray(-x), np.empty(shape, dtype=x.dtype)
                assert scale(x, gate, slopes, out=out) is out
                assert_same_bits(out, expected(x, gate, slopes), f"gate and C-ordered out, {context}")
                over = np.array(gate)
                scale(x, over, slopes, out=over)
                assert_same_bits(over, expected(x, gate, slopes), f"over the gate, {context}")


cuts = st.builds(slice, st.none() | st.integers(0, 3), st.none() | st.integers(3, 9), st.sampled_from([-2, -1, 1, 1, 2, 3]))
views = st.tuples(st.lists(cuts, min_size=4, max_size=4), st.permutations(range(4)))
steps = st.none() | st.tuples(*[st.sampled_from([0, 1, 3, -5, 2**33, 2**62, 7])] * 4)
draws = st.builds(
    lambda key, offset, steps: Slopes(*POINTS, key, offset, steps), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), steps
)


@given(parts=st.tuples(views, views), slopes=draws | st.just(0.3), dtype=st.sampled_from(sorted(KINDS)))
@settings(max_examples=300)
def test_any_views_equal_the_reference(parts, slopes, dtype):
    rng = np.random.default_rng(9)
    x, gate = (rng.standard_normal((9, 5, 6, 7)).astype(dtype_of(dtype))[tuple(cut)].transpose(order) for cut, order in parts)
    shape = tuple(map(min, x.shape, gate.shape))
    x, gate = (array[tuple(map(slice, shape))] for array in (x, gate))
    want = expected(x, gate, slopes)
    assert_same_bits(scale(x, gate, slopes), want, (x.strides, gate.strides))
    assert_same_bits(scale(x, gate, slopes, out=gate), want, "over the gate")


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 2**31 - 5, 2**33 - 5, 2**34 - 7, 2**34 + 6, 2**36 + 3, 2**63 - 9, 2**64 - 11, 2**64 - 4])
@pytest.mark.parametrize("dtype", KINDS)
def test_indices_tails_and_alignments(dtype, offset):
    whole = aligned(80, dtype)
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 31, 33):
        for start in range(9):
            around = np.full(80, 7, dtype=dtype_of(dtype))
            x, out, slopes = whole[start : start + size], around[start : start + size], Slopes(*POINTS, 2**63 + 12345, offset=offset)
            scale(x, x, slopes, out=out)
            assert_same_bits(out, expected(x, x, slopes), (size, start))
            assert (around[:start] == 7).all()
            assert (around[start + size :] == 7).all()


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-3e38, 3e38), (2.0**-102, 2.0**-101), (1.0, 1 + 2**-23), (-0.75, -0.5)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bounds_and_constants(dtype, bounds):
    x = (-np.random.default_rng(3).uniform(0.5, 1, 3000)).astype(dtype)
    for slopes in (Slopes(*bounds, 5), 0.5 * bounds[0] + 0.5 * bounds[1], 0.1):
        assert_same_bits(scale(x, x, slopes), expected(x, x, slopes), slopes)


@pytest.mark.parametrize("dtype", KINDS)
def test_special_values(dtype):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, -65504.0], dtype=dtype_of(dtype))
    values, gate = (np.ascontiguousarray(grid).ravel() for grid in np.meshgrid(x, x))
    for slopes in (Slopes(-0.5, 0.5, 3), 0.0, -2.0, 3.0):
        for turn in (slice(None), slice(None, None, -1)):
            got, want = scale(values[turn], gate[turn], slopes), expected(values[turn], gate[turn], slopes)
            assert np.array_equal(np.isnan(got), np.isnan(want))
            assert_same_bits(np.where(np.isnan(got), 0, got), np.where(np.isnan(want), 0, want), slopes)


@pytest.mark.parametrize("slopes", [Slopes(-0.75, 0.5, 3), 1.0, 0.3, -1.7], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_half(dtype, slopes):
    x = np.arange(1 << 16, dtype=np.uint16).view(dtype_of(dtype))
    for gate in (x, x[::-1]):
        got, want = scale(x, gate, slopes), expected(x, gate, slopes)
        with np.errstate(invalid="ignore"):  # of NaNs that signal
            nan, kept = np.isnan(want), ~(gate <= 0)
            assert np.array_equal(np.isnan(got), nan)
        assert np.array_equal(bits(got)[~nan], bits(want)[~nan])
        assert np.array_equal(bits(got)[kept], bits(x)[kept]), "NaNs are kept as they are"


@pytest.mark.parametrize("layout", ["dense", "steps"])
def test_many_axes(layout):
    x = np.random.default_rng(7).standard_normal((3,) * 9)[(slice(0, 2),) * 9]
    slopes = Slopes(*POINTS, 9, 2**64 - 3, (7, 1, 0, 2, 300, -1, 5, 2**62, 17)) if layout == "steps" else Slopes(*POINTS, 9)
    assert_same_bits(scale(x, x, slopes), expected(x, x, slopes), slopes)


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
