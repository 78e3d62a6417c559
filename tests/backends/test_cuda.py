"""The device code of CuPy's kernels without a GPU: on the host to the reference's bits, in every layout."""

from __future__ import annotations

import ctypes

import pytest

np = pytest.importorskip("numpy")

import host_build  # noqa: E402
import host_cuda  # noqa: E402
from cases import SHAPES, assert_same_bits, bits, dtype_of, expected, layouts, slopes_for  # noqa: E402
from host_cuda import nothing_undefined, view  # noqa: E402, F401
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from multirrelu import Slopes  # noqa: E402

host_cuda.install()

from cuda_arrays import aligned, backend, scale  # noqa: E402

from multirrelu_backends import _cuda as kernels  # noqa: E402

pytestmark = pytest.mark.usefixtures("nothing_undefined")

KINDS = list(kernels.FORMATS)
POINTS = (1 / 8, 1 / 3)


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


@pytest.mark.parametrize("slopes", [Slopes(*POINTS, 7), Slopes(-0.5, 0.5, 2**64 - 1, 2**64 - 7), 0.25], ids=["drawn", "offset", "constant"])
@pytest.mark.parametrize("dtype", KINDS)
def test_elements_of_any_indices(dtype, slopes):
    rng = np.random.default_rng(6)
    larger = rng.standard_normal((12, 20)).astype(dtype_of(dtype))
    indices = rng.integers(-(2**63), 2**63, (12, 20)) | np.arange(20)
    indices[3] = indices[4]  # may come more than once
    for turn in (np.s_[:], np.s_[::-1, ::2], np.s_[:, 3], np.s_[2:2], np.s_[4, 5]):
        x, gate, index = larger[turn], larger[::-1][turn], indices[turn]
        got = backend.scale_at(view(x), view(gate), view(index), slopes).get()
        each = zip(np.ravel(x), np.ravel(gate), np.ravel(index), strict=True)
        want = [expected(v, g, slopes.moved(int(i), ()) if isinstance(slopes, Slopes) else slopes) for v, g, i in each]
        assert_same_bits(got, np.array(want, dtype=x.dtype).reshape(x.shape), turn)


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


def test_every_nan_stays_one_in_bfloat16(tmp_path):
    """All bits of a GPU's own NaN but the sign are set, so that rounding would make -0.0 of it; the host's processor makes no such NaN."""
    narrow = 'extern "C" unsigned short narrow(unsigned bits) { return multirrelu::bfloat16::narrow(__uint_as_float(bits)); }'
    done = host_build.compiled(f"{host_build.BEFORE}\n{kernels.PREAMBLE}\n{narrow}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    function = ctypes.CDLL(str(tmp_path / "kernel.so")).narrow
    function.restype, function.argtypes = ctypes.c_ushort, [ctypes.c_uint]
    for nan in (0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000, 0x7F800001, 0xFFFF8000):
        assert np.isnan(np.array(function(nan), dtype=np.uint16).view(dtype_of("bfloat16"))), hex(nan)


@pytest.mark.parametrize("layout", ["dense", "steps"])
def test_many_axes(layout):
    x = np.random.default_rng(7).standard_normal((3,) * 9)[(slice(0, 2),) * 9]
    slopes = Slopes(*POINTS, 9, 2**64 - 3, (7, 1, 0, 2, 300, -1, 5, 2**62, 17)) if layout == "steps" else Slopes(*POINTS, 9)
    assert_same_bits(scale(x, x, slopes), expected(x, x, slopes), slopes)
