"""The CUDA kernels without a GPU: on the host to the reference's bits, in every layout; and compiled by NVRTC for three GPUs."""

from __future__ import annotations

import mmap
import os
import re

import pytest

np = pytest.importorskip("numpy")

import nvrtc  # noqa: E402
from cases import SHAPES, assert_same_bits, bits, dtype_of, expected, layouts, slopes_for  # noqa: E402
from host_cuda import run, scale  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from multirrelu import Slopes  # noqa: E402
from multirrelu_backends._cuda import KINDS, OPTIONS, SOURCE, launches  # noqa: E402

POINTS = (1 / 8, 1 / 3)


@pytest.fixture(autouse=True)
def nothing_undefined(capfd):
    """What the sanitizer has found is a failure."""
    yield
    assert "runtime error" not in capfd.readouterr().err


def how(x, slopes, gate=None, out=None):
    """Return the launches for an array."""
    arrays = x, x if gate is None else gate, x if out is None else out
    addresses = tuple(array.ctypes.data for array in arrays)
    return list(launches(x.dtype.name, addresses, x.shape, tuple(array.strides for array in arrays), slopes))


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


@pytest.mark.parametrize("key", [0, 1, 2**32, 2**63, 2**64 - 1])
def test_a_key_in_memory(key):
    x = np.random.default_rng(4).standard_normal((30, 40))
    for array, order in ((x, "C"), (x.T, "F")):
        assert_same_bits(scale(array, array, Slopes(*POINTS, np.array(key, "u8"))), expected(array, array, Slopes(*POINTS, key)), order)


@pytest.mark.parametrize("layout", ["dense", "steps"])
def test_more_axes_than_the_kernel_has(layout):
    x = np.random.default_rng(7).standard_normal((3,) * 9)[(slice(0, 2),) * 9]
    slopes = Slopes(*POINTS, 9, 2**64 - 3, (7, 1, 0, 2, 300, -1, 5, 2**62, 17)) if layout == "steps" else Slopes(*POINTS, 9)
    assert len(how(x, slopes)) > 1
    assert_same_bits(scale(x, x, slopes), expected(x, x, slopes), slopes)


@pytest.mark.parametrize(
    ("x", "slopes", "kernel", "blocks"),
    [
        (aligned(1024), Slopes(*POINTS, 1), "consecutive_float32", 1),
        (aligned(1025), Slopes(*POINTS, 1), "consecutive_float32", 2),
        (aligned(1024), Slopes(*POINTS, 1, offset=1), "consecutive_float32", 2),
        (aligned(2048, "f2"), Slopes(*POINTS, 1), "consecutive_float16", 1),
        (aligned(1024, "f8"), 0.25, "consecutive_float64", 1),
        (aligned(1024).reshape(32, 32).T, 0.25, "consecutive_float32", 1),
        (aligned(1024).reshape(32, 32).T, Slopes(*POINTS, 1, strides=(1, 32)), "consecutive_float32", 1),
        (aligned(1024).reshape(32, 32).T, Slopes(*POINTS, 1), "anywhere_float32", 4),
        (aligned(1024)[::2], Slopes(*POINTS, 1), "anywhere_float32", 2),
        (aligned(1024), Slopes(*POINTS, 1, strides=(0,)), "anywhere_float32", 4),
    ],
    ids=str,
)
def test_which_kernel(x, slopes, kernel, blocks):
    (launch,) = how(x, slopes)
    assert (launch.kernel, launch.blocks) == (kernel, blocks)


@pytest.mark.parametrize(
    ("offset", "starts", "wide"),
    [(0, (0, 0, 0), 1), (0, (1, 0, 0), 0), (0, (0, 1, 0), 0), (0, (0, 0, 3), 0), (1, (0, 0, 0), 0), (1, (1, 1, 1), 1), (3, (3, 7, 3), 1)],
)
def test_16_bytes_at_a_time_only_where_all_three_are_aligned(offset, starts, wide):
    x, gate, out = (aligned(1000)[start:900] for start in starts)
    size = min(map(len, (x, gate, out)))
    (launch,) = how(x[:size], Slopes(*POINTS, 1, offset=offset), gate[:size], out[:size])
    assert int(launch.arguments[6]) == wide


def test_nothing_is_launched_for_nothing():
    assert how(np.zeros((3, 0)), Slopes(*POINTS, 1)) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("size", [1, 5, 8, 1021, 1024])
def test_nothing_past_the_end_is_touched(size, dtype):
    """The array ends where a page ends, and whoever touches the next page is ended by the system."""
    run_here = scale(np.ones(1), np.ones(1), 0.5)  # what is built is built before the fork
    assert run_here == 1
    memory = mmap.mmap(-1, 4 * mmap.PAGESIZE)
    page = np.frombuffer(memory, dtype=np.uint8).ctypes.data
    kind = dtype_of(dtype)
    x = np.frombuffer(memory, dtype=kind, count=size, offset=2 * mmap.PAGESIZE - size * kind.itemsize)
    child = os.fork()
    if child == 0:
        protected = protect(page + 2 * mmap.PAGESIZE, mmap.PAGESIZE)
        scale(x, x, Slopes(*POINTS, 3, offset=1), out=x)
        scale(x[::-1], x[::-1], Slopes(*POINTS, 3, offset=1), out=x[::-1])
        os._exit(0 if protected else 3)
    assert os.waitpid(child, 0)[1] == 0


def protect(address, length):
    import ctypes

    return ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(length), 0) == 0


@pytest.mark.parametrize("kind", ["consecutive", "one axis", "two axes"])
def test_places_of_64_bits(kind):
    """Elements past 2**32 are found: no such array fits here, so a launch is cut down to its last block."""
    x, rows = aligned(1024), 2**26 + 2
    out = np.zeros_like(x)
    shape, strides, steps = {
        "consecutive": ((128 * rows,), (4,), (1,)),
        "one axis": ((128 * rows,), (4,), (3,)),
        "two axes": ((rows, 128), (516, 4), (131, 1)),
    }[kind]
    # The last two rows lie at the beginning of x and out.
    last = (2, 128) if len(shape) == 2 else (256,)
    before = shape[0] - last[0]
    (launch,) = launches(
        "float32",
        tuple(array.ctypes.data - before * strides[0] for array in (x, x, out)),
        shape,
        (strides,) * 3,
        Slopes(*POINTS, 6, strides=steps),
    )
    assert launch.kernel == ("consecutive_float32" if kind == "consecutive" else "anywhere_float32")
    run(launch, first=launch.blocks - 1)
    part = np.lib.stride_tricks.as_strided(x, last, strides)
    want = np.zeros_like(x)
    np.lib.stride_tricks.as_strided(want, last, strides)[...] = expected(part, part, Slopes(*POINTS, 6, before * steps[0], steps))
    assert_same_bits(out, want, kind)


def test_neighbours_in_memory_are_neighbours_among_the_threads():
    (launch,) = how(aligned(1024).reshape(32, 32).T, Slopes(*POINTS, 1))
    assert [int(number) for number in launch.arguments[6:16]] == [32, 128, 128, 128, 1, 32, 4, 4, 4, 32]


# What NVRTC makes of the same source.


@pytest.fixture(scope="module", params=[70, 75, 90, 100])
def code(request):
    library = nvrtc.library_for(request.param)
    if library is None:
        pytest.skip(f"no NVRTC for sm_{request.param} is installed")
    return request.param, nvrtc.compile_for(library, SOURCE, request.param, (*OPTIONS, "-ftz=true"))


def test_compiles_without_a_warning(code):
    architecture, made = code
    old = r"nvrtc: warning: Architectures prior to '<compute/sm>_75' are deprecated.*"  # said of Volta, and not of the source
    lines = [line for line in made.log.splitlines() if not re.match(r"ptxas (info|  )", line) and not re.fullmatch(old, line)]
    assert lines == []
    assert f"for 'sm_{architecture}'" in made.log
    assert made.cubin[:4] == b"\x7fELF"


def test_registers_and_no_local_memory(code):
    _, made = code
    frame = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    kernels = re.findall(rf"entry function '(\w+)'.*\n.*\n.* {frame}\n.*Used (\d+) registers", made.log)
    assert sorted(name for name, *_ in kernels) == sorted(f"{form}_{kind}" for form in ("consecutive", "anywhere") for kind in KINDS)
    for name, frame, stores, loads, registers in kernels:
        assert (frame, stores, loads) == ("0", "0", "0"), name
        # With 40, six blocks of 256 threads fit where eight are the most there can be; with 51, five.
        assert int(registers) <= (51 if name in ("consecutive_float16", "consecutive_bfloat16") else 40), name


def test_16_byte_moves_and_exact_products(code):
    _, made = code
    entries = dict(re.findall(r"\.entry (\w+)\((.*?)\n}", made.ptx, re.DOTALL))
    assert set(entries) == {f"{form}_{kind}" for form in ("consecutive", "anywhere") for kind in KINDS}
    for name, body in entries.items():
        assert not re.search(r"\bfma\.|\bmad\.\w*\.?f|approx|\.local\b", body), name
        moves = {move: len(re.findall(rf"{move}\.global\S*\.(?:v4\.[ubf]32|v2\.[ubf]64)", body)) for move in ("ld", "st")}
        each = 2 if name.endswith("64") else 1
        if name.startswith("consecutive"):
            assert moves["ld"] >= 2 * each, name
            assert moves["st"] == each, name
        else:
            assert moves == {"ld": 0, "st": 0}, name
