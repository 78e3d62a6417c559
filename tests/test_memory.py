"""Where arrays lie, and whether they overlap: against NumPy's exact answer, and against sets of bytes."""

from __future__ import annotations

import ctypes
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multirrelu.memory import Placement, _meet, _Tensor, overlap_in_part, overlaps_itself, placement

axes = st.lists(st.tuples(st.integers(0, 4), st.integers(-24, 24)), max_size=3).map(tuple)
placements = st.builds(Placement, st.integers(0, 96), axes, st.sampled_from([1, 2, 4, 8]))
slices = st.builds(slice, st.none() | st.integers(0, 5), st.none() | st.integers(1, 6), st.sampled_from([-3, -2, -1, 1, 2, 3]))
picks = st.tuples(slices, slices, slices, st.permutations(range(3)), st.sampled_from(["f2", "f4", "f8"]))


def elements(place: Placement) -> list[int]:
    """The address of every element."""
    steps = [[stride * k for k in range(length)] for length, stride in place.axes]
    return [place.address + sum(at) for at in itertools.product(*steps)]


def taken(place: Placement) -> set[int]:
    return {address + byte for address in elements(place) for byte in range(place.itemsize)}


def view(base, pick):
    """A view of `base` as one of its users would take it: sliced, permuted, read as another dtype."""
    *parts, order, dtype = pick
    sliced = base.view(dtype)[tuple(parts)]
    return sliced.transpose(order)


@given(a=placements, b=placements)
@settings(max_examples=500)
def test_overlap_equals_sets_of_bytes(a, b):
    same_elements = a.address == b.address and [x for x in a.axes if x[0] != 1] == [x for x in b.axes if x[0] != 1]
    assert overlap_in_part(a, b) == (not same_elements and bool(taken(a) & taken(b)))


@given(one=picks, other=picks)
@settings(max_examples=500)
def test_overlap_equals_numpy(one, other):
    np = pytest.importorskip("numpy")
    base = np.zeros((6, 5, 8))
    a, b = view(base, one), view(base, other)
    (at, moving), (b_at, b_moving) = ((p.address, [axis for axis in p.axes if axis[0] > 1]) for p in (placement(a), placement(b)))
    one_and_the_same = at == b_at and moving == b_moving
    assert overlap_in_part(placement(a), placement(b)) == (not one_and_the_same and np.shares_memory(a, b))


@given(a=placements)
@settings(max_examples=500)
def test_elements_that_share_memory_are_always_found(a):
    if len(taken(a)) < len(elements(a)) * a.itemsize:
        assert overlaps_itself(a)


@given(pick=picks)
def test_no_slice_of_an_array_overlaps_itself(pick):
    np = pytest.importorskip("numpy")
    assert not overlaps_itself(placement(view(np.zeros((6, 5, 8)), pick)))


def test_a_broadcast_array_overlaps_itself(np):
    assert overlaps_itself(placement(np.broadcast_to(np.zeros((3, 1)), (3, 2))))
    assert not overlaps_itself(placement(np.broadcast_to(np.zeros((3, 1)), (3, 1))))


def test_sliding_windows_overlap_themselves(np):
    assert overlaps_itself(placement(np.lib.stride_tricks.sliding_window_view(np.zeros(9), 3)))


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_a_search_that_is_cut_short_says_that_they_overlap(patience):
    # Bytes 0, 9, 6, 15 and 4, 14: apart, but three steps of search are needed to see it.
    a, b = Placement(0, ((2, 9), (2, 6)), 1), Placement(4, ((2, 10),), 1)
    assert not taken(a) & taken(b)
    assert not _meet(a, b)
    assert _meet(a, b, patience)


def test_long_arrays_that_interleave_are_apart(np):
    memory = np.zeros(80_008, dtype=np.float32)
    assert not overlap_in_part(placement(memory[0:40_000:2]), placement(memory[1:80_000:4]))
    assert overlap_in_part(placement(memory[0:40_000:2]), placement(memory[2:80_000:4]))


def test_read_only_memory_is_seen(xp, np):
    memory = np.zeros(3)
    assert not placement(xp.asarray(memory)).read_only
    if xp.__name__.endswith("torch"):
        pytest.skip("PyTorch's tensors are writeable")
    memory.flags.writeable = False
    assert placement(xp.asarray(memory, copy=False)).read_only


def test_a_search_too_wide_for_its_patience_says_that_they_overlap():
    a, b = Placement(0, ((50, 4), (50, 6)), 1), Placement(1, ((50, 4), (2, 1001)), 1)
    assert not taken(a) & taken(b)
    assert not _meet(a, b)
    assert _meet(a, b, patience=20)


def test_placement(xp):
    x = xp.zeros((3, 4), dtype=xp.float32)
    place = placement(x)
    assert place.axes == ((3, 16), (4, 4))
    assert place.itemsize == 4
    assert placement(x[1:, 1:]).address == place.address + 20


def test_placement_of_a_transposed_array(xp):
    assert placement(xp.permute_dims(xp.zeros((3, 4), dtype=xp.float64), (1, 0))).axes == ((4, 8), (3, 32))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_placement_of_nothing_much(xp, shape):
    assert [length for length, _ in placement(xp.zeros(shape)).axes] == list(shape)


def test_placement_with_negative_strides(np):
    x = np.zeros(5)
    assert placement(x[::-2]) == Placement(x.ctypes.data + 32, ((3, -16),), 8)


def test_placement_of_a_read_only_array(np):
    x = np.zeros(3)
    x.flags.writeable = False
    assert placement(x).address == x.ctypes.data


def test_placement_of_half_precision(torch):
    assert placement(torch.zeros(3, dtype=torch.bfloat16)).itemsize == 2


def test_placement_of_a_tensor_that_requires_a_gradient(torch):
    x = torch.zeros(3, requires_grad=True)
    assert placement(x).address == x.data_ptr()


class Legacy:
    """An array of a library from before DLPack had versions."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()


def test_placement_from_an_unversioned_capsule(np):
    x = np.zeros((2, 3), dtype=np.float32)
    assert placement(Legacy(x[:, 1:])) == Placement(x.ctypes.data + 4, ((2, 12), (2, 4)), 4)


@pytest.mark.parametrize(("kind", "stream"), [(1, None), (2, -1), (10, -1), (13, -1)])
@pytest.mark.parametrize("versions", [True, False])
def test_no_stream_waits(np, kind, stream, versions):
    """An array on a GPU gives its place without a stream that waits, which would break the capture of a graph."""
    x, asked = np.zeros(3), []

    class OnDevice:
        def __dlpack_device__(self):
            return kind, 0

        def __dlpack__(self, **options):
            if "max_version" in options and not versions:
                raise TypeError
            asked.append(options.get("stream"))
            return x.__dlpack__()

    assert placement(OnDevice()).address == x.ctypes.data
    assert asked == [stream]


def test_placement_without_strides_is_c_order():
    shape = (ctypes.c_int64 * 2)(2, 3)
    tensor = _Tensor(data=4096, ndim=2, bits=32, lanes=1, shape=shape, strides=None, byte_offset=64)
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)

    class Compact:
        def __dlpack__(self, max_version):
            return new(ctypes.addressof(tensor), b"dltensor", None)

    assert placement(Compact()) == Placement(4096 + 64, ((2, 12), (3, 4)), 4)
