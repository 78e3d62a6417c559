"""What the public functions refuse, each with its message."""

from __future__ import annotations

import pytest

from multirrelu.arrays import namespace_of
from multirrelu.checks import check_array, check_match, check_out, shared_strides
from multirrelu.dtypes import dtype_name

FLOATS = ["float16", "bfloat16", "float32", "float64"]
OTHERS = ["bool", "int8", "uint8", "int32", "int64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", FLOATS)
def test_floating_arrays_pass(xp, dtype):
    if not hasattr(xp, dtype):
        pytest.skip(f"{xp.__name__} has no {dtype}")
    x = xp.ones(3, dtype=getattr(xp, dtype))
    assert check_array("x", x) is xp
    assert dtype_name(x.dtype) == dtype


@pytest.mark.parametrize("dtype", OTHERS)
def test_arrays_of_other_dtypes(xp, dtype):
    x = xp.ones(3, dtype=getattr(xp, dtype))
    with pytest.raises(TypeError, match=rf"^x must have one of the dtypes float16, bfloat16, float32, float64, got {dtype}$"):
        check_array("x", x)


@pytest.mark.parametrize("x", [None, 1.0, [1.0], (1.0,), "x", object], ids=repr)
def test_no_array(x):
    with pytest.raises(TypeError, match=rf"^expected an array, got .+ of type {type(x).__name__}$"):
        check_array("x", x)


def test_arrays_that_match(xp):
    assert check_match("gate", xp.ones((2, 3)), "values", xp.zeros((2, 3)), xp) is None


def test_arrays_of_two_libraries(xp, np):
    if xp.__name__ == "array_api_compat.numpy":
        pytest.skip("the same library")
    name = xp.__name__.removeprefix("array_api_compat.")
    with pytest.raises(TypeError, match=rf"^gate is an array of numpy, but values is one of {name}$"):
        check_match("gate", np.ones(3), "values", xp.ones(3), xp)


def test_arrays_of_two_shapes(xp):
    with pytest.raises(ValueError, match=r"^gate has shape .*\(?\[?3.*, but values has shape .*2, 3"):
        check_match("gate", xp.ones(3), "values", xp.ones((2, 3)), xp)


def test_arrays_of_two_dtypes(xp):
    with pytest.raises(ValueError, match=r"^gate has dtype .*float32.*, but values has dtype .*float64"):
        check_match("gate", xp.ones(3, dtype=xp.float32), "values", xp.ones(3, dtype=xp.float64), xp)


def test_arrays_on_two_devices(torch):
    xp = namespace_of(torch.ones(3))
    with pytest.raises(ValueError, match=r"^gate has device meta, but values has device cpu$"):
        check_match("gate", torch.ones(3, device="meta"), "values", torch.ones(3), xp)


@pytest.mark.parametrize("make", ["the input", "a view of all of it", "other memory", "disjoint slice"])
def test_outputs_that_pass(xp, make):
    base = xp.ones(8)
    x = base[:4]
    out = {"the input": x, "a view of all of it": base[:4], "other memory": xp.ones(4), "disjoint slice": base[4:]}[make]
    assert check_out("out", out, {"x": x}, xp) is None


@pytest.mark.parametrize("part", [slice(1, 5), slice(3, 7), slice(0, 8, 2)], ids=repr)
def test_an_output_that_overlaps_in_part(xp, part):
    base = xp.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps x in part: it must be the same elements or other memory$"):
        check_out("out", base[part], {"x": base[:4]}, xp)


def test_an_output_reversed_in_place(np):
    x = np.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps x in part"):
        check_out("out", x[::-1], {"x": x}, namespace_of(x))


def test_an_output_that_overlaps_the_second_input_is_named(xp):
    base = xp.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps gate in part"):
        check_out("out", base[1:5], {"values": xp.ones(4), "gate": base[:4]}, xp)


def test_an_output_may_be_the_second_input(xp):
    gate = xp.ones(4)
    assert check_out("out", gate, {"values": xp.ones(4), "gate": gate}, xp) is None


def test_an_output_of_another_shape(xp):
    with pytest.raises(ValueError, match=r"^out has shape .+, but x has shape"):
        check_out("out", xp.ones(3), {"x": xp.ones(4)}, xp)


def test_an_output_that_overlaps_itself(torch):
    x = torch.ones(3, 2)
    with pytest.raises(
        ValueError,
        match=r"^out has elements that share memory, so results cannot be written to it: strides \(\(3, 4\), \(2, 0\)\)$",
    ):
        check_out("out", torch.ones(3, 1).expand(3, 2), {"x": x}, namespace_of(x))


def test_an_output_that_is_read_only(np):
    x = np.ones((2, 3))
    x.flags.writeable = False
    with pytest.raises(TypeError, match=r"^x is immutable: an array of type ndarray and shape \(2, 3\) cannot be written to$"):
        check_out("x", x, {"x": x}, namespace_of(x))


def test_an_output_of_an_immutable_library():
    x = pytest.importorskip("jax").numpy.ones(3)
    with pytest.raises(TypeError, match=r"^out is immutable: an array of type ArrayImpl and shape \(3,\) cannot be written to$"):
        check_out("out", x, {"x": x}, namespace_of(x))


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


def test_a_shared_axis_may_be_a_numpy_integer(np):
    assert shared_strides((2, 3), np.int64(1)) == (1, 0)


@pytest.mark.parametrize("axes", [1.0, "a", ("a",), [0, 0.5], {0}], ids=repr)
def test_a_shared_axis_that_is_no_integer(axes):
    with pytest.raises(TypeError, match=r"^shared_axes must be integers, got .+ of type (float|str|set)$"):
        shared_strides((2, 3), axes)


@pytest.mark.parametrize(("shape", "axis"), [((2, 3), 2), ((2, 3), -3), ((), 0)])
def test_a_shared_axis_out_of_range(shape, axis):
    with pytest.raises(ValueError, match=rf"^shared axis {axis} is out of range for an array of {len(shape)} axes$"):
        shared_strides(shape, axis)


@pytest.mark.parametrize("axes", [(0, 0), (1, -1)])
def test_a_shared_axis_named_twice(axes):
    with pytest.raises(ValueError, match=rf"^shared axis {axes[1]} is named twice in \({axes[0]}, {axes[1]}\)$"):
        shared_strides((2, 3), axes)
