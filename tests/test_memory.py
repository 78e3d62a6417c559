"""Where arrays lie, and whether they overlap: against NumPy's exact answer, and against sets of bytes."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multirrelu.memory import Placement, _meet, overlap_in_part, overlaps_itself, placement

axes = st.lists(st.tuples(st.integers(0, 4), st.integers(-24, 24)), max_size=3)
slices = st.builds(slice, st.none() | st.integers(0, 5), st.none() | st.integers(1, 6), st.sampled_from([-3, -2, -1, 1, 2, 3]))
picks = st.tuples(slices, slices, slices, st.permutations(range(3)), st.sampled_from(["f2", "f4", "f8"]))


def place_of(address: int, axes: Sequence[tuple[int, int]], itemsize: int) -> Placement:
    """The placement of an array with these axes, as (length, stride in bytes)."""
    return Placement(address, tuple(length for length, _ in axes), tuple(stride for _, stride in axes), itemsize)


def axes_of(place: Placement) -> list[tuple[int, int]]:
    return list(zip(place.shape, place.strides, strict=True))


placements = st.builds(place_of, st.integers(0, 96), axes, st.sampled_from([1, 2, 4, 8]))


def elements(place: Placement) -> list[int]:
    """The address of every element."""
    steps = [[stride * k for k in range(length)] for length, stride in axes_of(place)]
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
    same_elements = a.address == b.address and [x for x in axes_of(a) if x[0] != 1] == [x for x in axes_of(b) if x[0] != 1]
    assert overlap_in_part(a, b) == (not same_elements and bool(taken(a) & taken(b)))


@given(one=picks, other=picks)
@settings(max_examples=500)
def test_overlap_equals_numpy(one, other):
    np = pytest.importorskip("numpy")
    base = np.zeros((6, 5, 8))
    a, b = view(base, one), view(base, other)
    (at, moving), (b_at, b_moving) = ((p.address, [axis for axis in axes_of(p) if axis[0] > 1]) for p in (placement(a), placement(b)))
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


def test_bytes_taken_twice_do_not_fill_the_gaps():
    """Nine elements on every second of nine bytes: as many bytes as there are from the first to the last."""
    gaps = Placement(0, (3, 3), (2, 2), 1)
    assert [overlap_in_part(gaps, Placement(at, (), (), 1)) for at in range(9)] == [True, False] * 4 + [True]


@pytest.mark.parametrize("patience", [0, 1])
def test_a_search_that_is_cut_short_says_that_they_overlap(patience):
    # Bytes 0, 9, 6, 15 and 4, 14: apart, but candidates must be looked at to see it.
    a, b = Placement(0, (2, 2), (9, 6), 1), Placement(4, (2,), (10,), 1)
    assert not taken(a) & taken(b)
    assert not _meet(a, b)
    assert _meet(a, b, patience)


@pytest.mark.parametrize("seed", range(4))
def test_a_search_over_many_axes_ends_soon(seed):
    """A hundred axes with strides of no order are a knapsack that no search solves, and the answer is still there in an instant."""
    strides = random.Random(seed)
    a, b = (Placement(at, (3,) * 64, tuple(strides.randrange(10**6, 10**9) for _ in range(64)), 1) for at in (0, 12345))
    started = time.thread_time()
    assert overlap_in_part(a, b)
    assert time.thread_time() - started < 0.2


def test_a_search_over_many_axes_is_exact_where_one_divisor_tells_them_apart():
    layout = (2,) * 40, tuple(12 * 2**k for k in range(40)), 4
    assert not overlap_in_part(Placement(0, *layout), Placement(4, *layout))
    assert overlap_in_part(Placement(0, *layout), Placement(36, *layout))


def test_a_search_over_many_axes_is_exact_where_divisors_of_some_do():
    """Of 2**61 pairs, all are apart, though the strides together have no common divisor: those below the greatest are multiples of 4."""
    strides = tuple(4 * 3**k for k in range(30))
    assert not overlap_in_part(Placement(0, (2,) * 31, (*strides, 3**40 + 1), 2), Placement(2, (2,) * 30, strides, 2))


def test_lengths_and_strides_past_64_bits():
    assert overlap_in_part(Placement(0, (1 << 70,), (1 << 65,), 4), Placement(4, (1 << 70,), (1,), 4))
    assert not overlap_in_part(Placement(0, (1 << 70,), (1 << 65,), 4), Placement(4, (2,), (1 << 65,), 4))


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


@given(a=placements, b=placements, patience=st.integers(0, 9))
def test_a_search_without_patience_misses_no_overlap(a, b, patience):
    if taken(a) & taken(b):
        assert _meet(a, b, patience)


def test_placement(xp):
    x = xp.zeros((3, 4), dtype=xp.float32)
    place = placement(x)
    assert (place.shape, place.strides, place.itemsize) == ((3, 4), (16, 4), 4)
    assert placement(x[1:, 1:]).address == place.address + 20


def test_placement_of_a_transposed_array(xp):
    assert placement(xp.permute_dims(xp.zeros((3, 4), dtype=xp.float64), (1, 0))).strides == (8, 32)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_placement_of_nothing_much(xp, shape):
    assert placement(xp.zeros(shape)).shape == shape


def test_placement_with_negative_strides(np):
    x = np.zeros(5)
    assert placement(x[::-2]) == Placement(x.ctypes.data + 32, (3,), (-16,), 8)


def test_placement_of_a_read_only_array(np):
    x = np.zeros(3)
    x.flags.writeable = False
    assert placement(x).address == x.ctypes.data


def test_placement_of_half_precision(torch):
    assert placement(torch.zeros(3, dtype=torch.bfloat16)).itemsize == 2


def test_placement_of_a_tensor_that_requires_a_gradient(torch):
    x = torch.zeros(3, requires_grad=True)
    assert placement(x).address == x.data_ptr()


class Exported:
    """An array by what it exports alone."""

    def __init__(self, interface, shape=(3,)):
        self.__array_interface__, self.shape = interface, shape


INTERFACE = {"data": (4096, False), "shape": (3,), "typestr": "<f4"}


def test_placement_by_numpy_s_protocol():
    assert placement(Exported(INTERFACE)) == Placement(4096, (3,), (4,), 4)
    assert placement(Exported({**INTERFACE, "strides": (-8,), "data": (4096, True)})) == Placement(4096, (3,), (-8,), 4, True)


@pytest.mark.parametrize("interface", [{}, {"data": None}, {"data": memoryview(b"")}], ids=["no data", "none", "a buffer"])
def test_memory_of_another_object_is_not_known(interface):
    assert placement(Exported({"shape": (3,), "typestr": "<f4", **interface})) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": (4096,)},
        {"data": ("here", False)},
        {"typestr": "<f"},
        {"typestr": "f4"},
        {"typestr": "<U4"},
        {"typestr": 4},
        {"shape": None},
        {"shape": ("3",)},
        {"shape": (3.0,)},
        {"strides": 4},
        {"strides": (4.5,)},
    ],
    ids=str,
)
def test_an_interface_that_is_not_as_the_protocol_says(wrong):
    with pytest.raises(TypeError, match=r"^Exported has an __array_interface__ that is not as NumPy's protocol says$"):
        placement(Exported({**INTERFACE, **wrong}))


@pytest.mark.parametrize("interface", [{"data": (4096, False), "shape": (3,)}, [INTERFACE], 3], ids=str)
def test_an_interface_that_is_none(interface):
    with pytest.raises(TypeError, match=r"^Exported has an __array_interface__ that is not"):
        placement(Exported(interface))


def test_an_array_whose_shape_is_not_its_memory_s(np):
    class Liar(np.ndarray):
        shape = (2, 10**9)

    with pytest.raises(ValueError, match=r"^Liar of shape \(2, 1000000000\) exports memory of shape \(3,\) with strides \(8,\)$"):
        placement(np.zeros(3).view(Liar))


def test_strides_of_other_axes_than_the_shape_s():
    with pytest.raises(ValueError, match=r"exports memory of shape \(3,\) with strides \(4, 4\)$"):
        placement(Exported({**INTERFACE, "strides": (4, 4)}))


def test_an_array_whose_dtype_is_not_its_memory_s(np):
    class Liar(np.ndarray):
        dtype, itemsize = np.dtype("f8"), 8

    assert placement(np.zeros(3, np.float32).view(Liar)).itemsize == 4


def test_an_array_that_tells_nothing():
    class Silent:
        shape = (3,)

    assert placement(Silent()) is None
