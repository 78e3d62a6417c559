"""What the public functions refuse, each with its message."""

from __future__ import annotations

import pytest

from multirrelu import backend_for, scale
from multirrelu.checks import check_array, check_match, check_out, is_writeable, memory_of, same_memory, shared_strides
from multirrelu.dtypes import dtype_name

FLOATS = ["float16", "bfloat16", "float32", "float64"]
OTHERS = ["bool", "int8", "uint8", "int32", "int64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", FLOATS)
def test_floating_arrays_pass(xp, dtype):
    if not hasattr(xp, dtype):
        pytest.skip(f"{xp.__name__} has no {dtype}")
    x = xp.ones(3, dtype=getattr(xp, dtype))
    assert check_array("x", x) is backend_for(x)
    assert dtype_name(x.dtype) == dtype


@pytest.mark.parametrize("dtype", OTHERS)
def test_arrays_of_other_dtypes(xp, dtype):
    """The cure is what the object offers, and complex numbers have none."""
    x = xp.ones(3, dtype=getattr(xp, dtype))
    cure = ""
    if "complex" not in dtype:
        offered = [(hasattr(x, "astype"), r"pass x\.astype\('float32'\)"), (hasattr(x, "float"), r"pass x\.float\(\)")]
        cure = next((f": {text}" for there, text in offered if there), ": convert it to float32")
    with pytest.raises(TypeError, match=rf"^x must have one of the dtypes float16, bfloat16, float32, float64, got {dtype}{cure}$"):
        check_array("x", x)


@pytest.mark.parametrize("dtype", ["U1", "S1", "O", "M8[s]", "m8[s]", "V3", "longdouble", [("a", "f4")]], ids=str)
def test_arrays_of_numpy_alone(np, dtype):
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes float16, bfloat16, float32, float64, got \S+$"):
        check_array("x", np.zeros(3, dtype=dtype))


@pytest.mark.parametrize("x", [None, 1.0, [1.0], (1.0,), "x", object], ids=repr)
def test_no_array(x):
    with pytest.raises(TypeError, match=r"^expected an array, got .+$"):
        check_array("x", x)


def matched(name, array, like_name, like):
    check_match(name, array, like_name, like, backend_for(like))


def written(name, out, like_name, like):
    check_out(name, out, like_name, like, backend_for(like))


def test_arrays_that_match(xp):
    matched("gate", xp.ones((2, 3)), "values", xp.zeros((2, 3)))


def test_arrays_of_two_libraries(xp, np):
    if xp.__name__ == "array_api_compat.numpy":
        pytest.skip("the same library")
    name = xp.__name__.removeprefix("array_api_compat.")
    with pytest.raises(TypeError, match=rf"^gate is an array of numpy, but values is one of {name}$"):
        matched("gate", np.ones(3), "values", xp.ones(3))


def test_arrays_of_two_shapes(xp):
    with pytest.raises(ValueError, match=r"^gate has shape .*\(?\[?3.*, but values has shape .*2, 3"):
        matched("gate", xp.ones(3), "values", xp.ones((2, 3)))


def test_arrays_of_two_dtypes(xp):
    with pytest.raises(ValueError, match=r"^gate has dtype .*float32.*, but values has dtype .*float64"):
        matched("gate", xp.ones(3, dtype=xp.float32), "values", xp.ones(3, dtype=xp.float64))


def test_arrays_on_two_devices(torch):
    with pytest.raises(ValueError, match=r"^gate has device meta, but values has device cpu$"):
        matched("gate", torch.ones(3, device="meta"), "values", torch.ones(3))


@pytest.mark.parametrize("make", ["the input", "a view of all of it", "other memory", "disjoint slice"])
def test_outputs_that_pass(xp, make):
    base = xp.ones(8)
    x = base[:4]
    out = {"the input": x, "a view of all of it": base[:4], "other memory": xp.ones(4), "disjoint slice": base[4:]}[make]
    written("out", out, "x", x)


@pytest.mark.parametrize("part", [slice(1, 5), slice(3, 7), slice(0, 8, 2)], ids=repr)
def test_an_output_that_overlaps_in_part(xp, part):
    base = xp.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps x in part: it must be the same elements or other memory$"):
        written("out", base[part], "x", base[:4])


def test_an_output_reversed_in_place(np):
    x = np.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps x in part"):
        written("out", x[::-1], "x", x)


def test_an_output_that_overlaps_the_second_input_is_named(xp):
    base = xp.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps gate in part"):
        scale(xp.ones(4), base[:4], 0.5, out=base[1:5])


def test_an_output_may_be_the_second_input(xp):
    gate = xp.ones(4)
    assert scale(xp.ones(4), gate, 0.5, out=gate) is gate


def test_an_output_of_another_shape(xp):
    with pytest.raises(ValueError, match=r"^out has shape .+, but x has shape"):
        written("out", xp.ones(3), "x", xp.ones(4))


def test_an_output_that_overlaps_itself(torch):
    x = torch.ones(3, 2)
    with pytest.raises(
        ValueError,
        match=r"^out has elements that share memory, so results cannot be written to it: shape \(3, 2\), strides \(4, 0\)$",
    ):
        written("out", torch.ones(3, 1).expand(3, 2), "x", x)


def test_an_output_that_is_read_only(np):
    x = np.ones((2, 3))
    x.flags.writeable = False
    with pytest.raises(TypeError, match=r"^x is immutable: an ndarray of numpy of shape \(2, 3\) and dtype float64 cannot be written to$"):
        written("x", x, "x", x)


def test_an_output_of_an_immutable_library():
    x = pytest.importorskip("jax").numpy.ones(3)
    with pytest.raises(TypeError, match=r"^out is immutable: an ArrayImpl of \w+ of shape \(3,\) and dtype float32 cannot be written to$"):
        written("out", x, "x", x)


@pytest.mark.parametrize(
    ("shape", "axes", "strides"),
    [
        ((2, 3, 4), (), (12, 4, 1)),
        ((2, 3, 4), 0, (0, 4, 1)),
        ((2, 3, 4), -1, (3, 1, 0)),
        ((2, 3, 4), (0, -1), (0, 1, 0)),
        ((2, 3, 4), [2, 1, 0], (0, 0, 0)),
        ((), (), ()),
    ],
)
def test_shared_strides(shape, axes, strides):
    assert shared_strides(shape, axes) == strides


@pytest.mark.parametrize(
    ("shape", "axes", "strides"),
    [
        ((None, 3, 4), 1, (4, 0, 1)),
        ((None, 3, 4), (1, 2), (1, 0, 0)),
        ((2, None, 4), 1, (4, 0, 1)),
        ((None, None, 4), 1, (4, 0, 1)),
        ((None, None), 0, (0, 1)),
        ((None, None), (0, 1), (0, 0)),
    ],
)
def test_shared_strides_do_not_depend_on_all_sizes(shape, axes, strides):
    assert shared_strides(shape, axes) == strides


@pytest.mark.parametrize(("shape", "axes"), [((2, None), ()), ((2, None, 4), -1), ((None, None, None), 0)])
def test_a_size_that_strides_depend_on_must_be_known(shape, axes):
    with pytest.raises(ValueError, match=r"only where the sizes of the others are known, but for the first; got shape \((2|None), None"):
        shared_strides(shape, axes)


def test_a_shared_axis_may_be_a_numpy_integer(np):
    assert shared_strides((2, 3), np.int64(1)) == (1, 0)


@pytest.mark.parametrize("axes", [1.0, "a", ("a",), [0, 0.5], {0}, {0: 1}, True, [False], "", b"\0", bytearray(1), None], ids=repr)
def test_a_shared_axis_that_is_no_integer(axes):
    with pytest.raises(TypeError, match=r"^a shared axis must be an integer, got .+$"):
        shared_strides((2, 3), axes)


@pytest.mark.parametrize("kind", ["array", "bool_", "float64"])
def test_a_shared_axis_of_numpys_that_is_no_integer(np, kind):
    with pytest.raises(TypeError, match=r"^a shared axis must be an integer, got an? \w+ of numpy of shape"):
        shared_strides((2, 3), {"array": np.asarray([0, 1]), "bool_": np.bool_(True), "float64": np.float64(0)}[kind])


@pytest.mark.parametrize(("shape", "axis"), [((2, 3), 2), ((2, 3), -3), ((), 0)])
def test_a_shared_axis_out_of_range(shape, axis):
    with pytest.raises(ValueError, match=rf"^shared axis {axis} is out of range for an array of {len(shape)} axes$"):
        shared_strides(shape, axis)


@pytest.mark.parametrize("axes", [(0, 0), (1, -1)])
def test_a_shared_axis_named_twice(axes):
    with pytest.raises(ValueError, match=rf"^shared axis {axes[1]} is named twice in \({axes[0]}, {axes[1]}\)$"):
        shared_strides((2, 3), axes)


# What a record says of an array


class Record:
    """A record with some of its fields."""

    def __init__(self, **fields):
        vars(self).update({"writeable": None, "memory": None, **fields})


@pytest.mark.parametrize("writeable", [True, False])
def test_a_record_says_what_can_be_written_to(xp, writeable):
    assert is_writeable(xp.ones(1), Record(writeable=writeable)) is writeable


def test_array_api_compat_is_asked_else(np):
    assert is_writeable(np.ones(1), Record())
    assert not is_writeable(np.broadcast_to(np.ones(1), (3,)), Record())


def test_a_record_says_where_an_array_lies(xp):
    assert memory_of(xp.ones(1), Record(memory=lambda x: "nowhere")) == "nowhere"


def test_arrays_that_do_not_tell_where_they_lie_may_be_one(xp):
    """What is kept for the backward pass is then copied."""
    silent = Record(memory=lambda x: None)
    assert same_memory(xp.ones(1), xp.ones(1), silent)
    x = xp.ones(8)
    assert same_memory(x, x, silent)


def test_arrays_that_tell(xp):
    x = xp.ones(8)
    assert same_memory(x[:], x, backend_for(x))
    assert not same_memory(x[4:], x[:4], backend_for(x))
    assert not same_memory(xp.ones(8), x, backend_for(x))


def test_sizes_that_nobody_knows_may_be_equal():
    """Of Dask's arrays they are NaN, which is not equal to itself."""
    da = pytest.importorskip("dask.array")
    x = da.ones(6, chunks=3)
    unknown = x[x > 0]
    matched("gate", unknown + 1, "values", unknown)
    for other in (x, unknown[:, None]):
        with pytest.raises(ValueError, match=r"^gate has shape .+, but values has shape \(nan,\)$"):
            matched("gate", other, "values", unknown)
