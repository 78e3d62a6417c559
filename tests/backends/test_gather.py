"""Elements of any indices: the reference's bits in every dtype and layout, by the kernel and in blocks, and in several threads."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")

from cases import DTYPES, assert_same_bits, dtype_of  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu import Slopes, agnostic  # noqa: E402
from multirrelu.stream import signed  # noqa: E402
from multirrelu_backends import _blocks, _kernel  # noqa: E402
from multirrelu_backends.numpy import backend, scale_at  # noqa: E402

EDGES = [0, 1, 2, 3, 4, 2**32 - 1, 2**32, 2**34 - 1, 2**34, 2**62, 2**63 - 1, -1, -2, -(2**34), -(2**63)]


@pytest.fixture(params=["kernel", "blocks", "small blocks"], autouse=True)
def path(request, monkeypatch):
    """Each of the ways that an array can take."""
    if request.param == "kernel":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(_kernel, "_kernel", lambda *_: None)
        monkeypatch.setattr(_kernel, "_line", lambda *_: None)
    if request.param == "small blocks":
        monkeypatch.setattr(_blocks, "GATHERED", 7)
    return request.param


def arrays(size, dtype="float32", seed=0):
    """Return values, gate and indices, the gate with NaN, infinities and zeros of both signs."""
    rng = np.random.default_rng(seed)
    values, gate = (rng.standard_normal(size).astype(dtype) for _ in range(2))
    for at, special in enumerate([np.nan, np.inf, -np.inf, 0.0, -0.0]):
        gate[at::29] = special
    index = rng.integers(-(2**63), 2**63, size, dtype=np.int64)
    index[: len(EDGES)] = EDGES[:size]
    return values, gate, index


def expected(values, gate, index, slopes):
    """Return what the standard functions make of the same, with the offset added to the indices."""
    plain = np.array([signed((number + slopes.offset) % 2**64) for number in index.reshape(-1).tolist()], dtype=np.int64)
    with np.errstate(invalid="ignore"):  # what bfloat16 says of NaN
        return agnostic.scale_at(values, gate, plain.reshape(index.shape), slopes.moved(-slopes.offset, None))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0, 5, 2**34 - 3, 2**64 - 5], ids=str)
def test_equals_the_reference(dtype, offset):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    values, gate, index = arrays(1000, dtype_of(dtype))
    slopes = Slopes(-0.5, 1.5, 2**64 - 3, offset)
    assert_same_bits(scale_at(values, gate, index, slopes), expected(values, gate, index, slopes), dtype)


@pytest.mark.parametrize("size", [0, 1, 2, 15, 16, 17, 31, 33, 100])
def test_every_size(size):
    values, gate, index = arrays(size)
    slopes = Slopes(0.1, 0.3, 7, 3)
    assert_same_bits(scale_at(values, gate, index, slopes), expected(values, gate, index, slopes), size)


LAYOUTS = {
    "a matrix": lambda x: x.reshape(20, 50),
    "transposed": lambda x: x.reshape(50, 20).T,
    "with steps": lambda x: x.reshape(20, 50)[::2, ::3],
    "backwards": lambda x: x[::-1],
    "repeated": lambda x: np.broadcast_to(x[:50], (20, 50)),
    "no axes": lambda x: x[3:4].reshape(()),
    "three axes, the last of one": lambda x: x.reshape(20, 50, 1).swapaxes(0, 1),
}


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_array_may_lie_in_its_own_way(layout, which):
    given = [LAYOUTS[layout](array) for array in arrays(1000)]
    given = [array if at == which else np.ascontiguousarray(array).reshape(array.shape) for at, array in enumerate(given)]
    slopes = Slopes(0.1, 0.3, 7, 3)
    result = scale_at(*given, slopes)
    assert_same_bits(np.ascontiguousarray(result), np.ascontiguousarray(expected(*given, slopes)), layout)


def test_other_orders_of_bytes_and_unaligned_memory():
    values, gate, index = arrays(100)
    slopes = Slopes(0.1, 0.3, 7)
    want = expected(values, gate, index, slopes)
    assert_same_bits(scale_at(values, gate, index.astype(">i8"), slopes), want, "indices")
    assert_same_bits(scale_at(values.astype(">f4"), gate.astype(">f4"), index, slopes).astype("f4"), want, "values")
    memory = np.zeros(8 * 100 + 1, dtype=np.uint8)
    unaligned = memory[1:].view(np.int64)
    unaligned[:] = index
    assert_same_bits(scale_at(values, gate, unaligned, slopes), want, "unaligned")


def test_several_threads(path, monkeypatch):
    if path != "kernel":
        pytest.skip("blocks have one thread")
    threads = []
    monkeypatch.setattr(_kernel, "get_num_threads", lambda: 3)
    run = _kernel._share
    monkeypatch.setattr(_kernel, "_share", lambda kernel, job, tasks, number: (threads.append(number), run(kernel, job, tasks, number)))
    values, gate, index = arrays(1 << 17)
    slopes = Slopes(0.1, 0.3, 7, 3)
    got = scale_at(values, gate, index, slopes)
    assert threads == [3]
    assert_same_bits(got, agnostic.scale_at(values, gate, index + 3, slopes.moved(-3, None)), "whole")
    scale_at(values[:1000], gate[:1000], index[:1000], slopes)
    assert threads == [3, 1]


def test_a_constant_slope_needs_no_indices():
    values, gate, index = arrays(100)
    assert_same_bits(scale_at(values, gate, index, 0.25), np.where(gate <= 0, values * np.float32(0.25), values), "constant")


def test_consecutive_indices_are_those_of_scale():
    values = -np.ones(1000, dtype=np.float32)
    slopes = Slopes(0.1, 0.3, 7, 3)
    assert_same_bits(scale_at(values, values, np.arange(1000), slopes), multirrelu.scale(values, values, slopes), "consecutive")
    assert backend.scale_at is scale_at


def test_a_scalar_and_a_mask():
    slopes = Slopes(0.1, 0.3, 7)
    assert type(scale_at(np.float32(-1), np.float32(-1), np.int64(5), slopes)) is np.float32
    x = np.ma.masked_array([-1.0, -2.0, 3.0], mask=[False, True, False])
    got = scale_at(x, x, np.arange(3), slopes)
    assert got.mask.tolist() == [False, True, False]
