"""Errors: every bad input has its message, and is refused before anything is written or drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from multirrelu import Slopes

from .bits import assert_equal_bits
from .library import Library

BAD_BOUNDS = {
    "swapped": (0.3, 0.1, ValueError, r"lower must not exceed upper, got lower=0\.3 and upper=0\.1"),
    "swapped_negative": (-0.1, -0.3, ValueError, r"lower must not exceed upper, got lower=-0\.1 and upper=-0\.3"),
    "lower_nan": (np.nan, 0.3, ValueError, "lower must be finite and within float32, got nan"),
    "upper_nan": (0.1, np.nan, ValueError, "upper must be finite and within float32, got nan"),
    "infinite": (0.1, np.inf, ValueError, "upper must be finite and within float32, got inf"),
    "beyond_float32": (-3.5e38, 0.3, ValueError, r"lower must be finite and within float32, got -3\.5e\+38"),
    "beyond_double": (0.1, 10**400, ValueError, "upper must be finite and within float32, got 1000"),
    "lower_bool": (False, 0.3, TypeError, "lower must be a real number, got False of type bool"),
    "upper_bool": (0.1, True, TypeError, "upper must be a real number, got True of type bool"),
    "text": ("0.1", 0.3, TypeError, r"lower must be a real number, got '0\.1' of type str"),
    "none": (0.1, None, TypeError, "upper must be a real number, got None of type NoneType"),
    "complex": (0.1, 0.3 + 0j, TypeError, r"upper must be a real number, got \(0\.3\+0j\) of type complex"),
}
BAD_RNG = {
    "negative": (-1, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got -1"),
    "too_large": (2**64, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got 18446744073709551616"),
    "negative_numpy": (np.int64(-5), ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got -5"),
    "float": (4.2, TypeError, r"rng must be an int in \[0, 2\*\*64\), a numpy.random.Generator .* got 4\.2 of type float"),
    "bool": (True, TypeError, "rng must be an int.* or None; got True of type bool"),
    "text": ("seed", TypeError, "rng must be an int.* or None; got 'seed' of type str"),
    "object": (Slopes, TypeError, "rng must be an int.* or None; got <class 'multirrelu.*Slopes'> of type type"),
}
BAD_AXES = {
    "too_large": (2, ValueError, "shared axis 2 is out of range for an array of 2 axes"),
    "too_small": (-3, ValueError, "shared axis -3 is out of range for an array of 2 axes"),
    "one_of_two": ((0, 5), ValueError, "shared axis 5 is out of range for an array of 2 axes"),
    "twice": ((1, -1), ValueError, r"shared axis -1 is named twice in \(1, -1\)"),
    "float": (0.5, TypeError, r"shared_axes must be integers, got 0\.5 of type float"),
    "text": (("a",), TypeError, "shared_axes must be integers, got 'a' of type str"),
}
BAD_SLOPES = {
    "key_text": ({"key": "a"}, TypeError, "a key must be an integer, got 'a' of type str"),
    "key_bool": ({"key": True}, TypeError, "a key must be an integer, got True of type bool"),
    "key_negative": ({"key": -1}, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got -1"),
    "key_too_large": ({"key": 2**64}, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got 18446744073709551616"),
    "key_of_an_axis": ({"key": np.zeros(2, dtype=np.int64)}, ValueError, r"a key must be a 0-d array, got one of shape \(2,\)"),
    "offset": ({"key": 1, "offset": 0.5}, TypeError, r"offset must be made of integers, got 0\.5"),
    "strides": ({"key": 1, "strides": (1, "x")}, TypeError, "strides must be made of integers, got 'x'"),
}
BAD_DTYPES = ("int8", "int32", "int64", "uint8", "bool", "complex64", "complex128")
DTYPE_TEXT = "must have one of the dtypes float16, bfloat16, float32, float64, got "
NO_ARRAYS = (None, 1.0, [1.0, -1.0], "array", object)
FUNCTIONS = ("rrelu", "rrelu_vjp", "draw_slopes")


class Errors(Library):
    """What is refused, and with which words."""

    @contextmanager
    def _refused(self, error: type[Exception], match: str, rng: np.random.Generator | None = None, **kept: Any) -> Iterator[None]:
        """Demand an error with its message, after which arrays and a generator are as they were."""
        before = {name: self.host(array).copy() for name, array in kept.items()}
        state = rng and rng.bit_generator.state
        with pytest.raises(error, match=match):
            yield
        for name, array in kept.items():
            assert_equal_bits(self.host(array), before[name], what=f"{name} was written to before the error")
        if rng:
            assert rng.bit_generator.state == state, "a key was drawn before the error"

    def _call(self, name: str, x: Any, *bounds: Any, **options: Any) -> Any:
        if name == "draw_slopes":
            options.pop("training", None)
        return getattr(self.api, name)(x, *bounds, **options)

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("case", BAD_BOUNDS)
    def test_bounds(self, case: str, function: str, training: bool) -> None:
        """Bounds are checked in both modes, for empty arrays too."""
        lower, upper, error, match = BAD_BOUNDS[case]
        for shape in ((5,), (0,)):
            x, rng = self.filled(shape), np.random.default_rng(1)
            with self._refused(error, match, rng, x=x):
                self._call(function, x, lower, upper, training=training, rng=rng)

    @pytest.mark.parametrize("case", BAD_BOUNDS)
    def test_bounds_when_writing(self, case: str) -> None:
        """Neither `out` nor x is written to when the bounds are wrong."""
        self.need("writing")
        lower, upper, error, match = BAD_BOUNDS[case]
        x, out, rng = self.filled((5,)), self.filled((5,), 9.0), np.random.default_rng(1)
        with self._refused(error, match, rng, x=x, out=out):
            self.api.rrelu(x, lower, upper, training=True, rng=rng, out=out)
        with self._refused(error, match, rng, x=x):
            self.api.rrelu(x, lower, upper, training=True, rng=rng, inplace=True)

    @pytest.mark.parametrize("case", BAD_BOUNDS)
    def test_bounds_of_the_layer_and_of_slopes(self, case: str) -> None:
        """A layer and a `Slopes` are refused when they are made."""
        lower, upper, error, match = BAD_BOUNDS[case]
        with pytest.raises(error, match=match):
            self.api.RReLU(lower, upper)
        with pytest.raises(error, match=match):
            self.api.Slopes(lower, upper, 1)

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("case", BAD_RNG)
    def test_rng(self, case: str, training: bool) -> None:
        """An rng that gives no key is refused in both modes, and by the layer when it is made."""
        rng, error, match = BAD_RNG[case]
        x = self.filled((5,))
        for function in FUNCTIONS:
            with self._refused(error, match, x=x):
                self._call(function, x, training=training, rng=rng)
        with pytest.raises(error, match=match):
            self.api.RReLU(rng=rng)

    def test_default_rng_is_missing(self) -> None:
        """A library without a global generator must be given an rng, in training only."""
        if self.has("default_rng"):
            pytest.skip("the library has a key for calls without rng")
        with pytest.raises(TypeError, match="no global generator: pass rng="):
            self.api.rrelu(self.filled((5,)), training=True)
        self.api.rrelu(self.filled((5,)))

    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("case", BAD_AXES)
    def test_shared_axes(self, case: str, function: str) -> None:
        """Axes are checked against the array."""
        axes, error, match = BAD_AXES[case]
        x, rng = self.filled((3, 4)), np.random.default_rng(1)
        with self._refused(error, match, rng, x=x):
            self._call(function, x, training=True, rng=rng, shared_axes=axes)

    @pytest.mark.parametrize("dtype", BAD_DTYPES)
    def test_dtypes(self, dtype: str) -> None:
        """Arrays of integers, of bool and of complex numbers are refused by the name of their dtype."""
        if not hasattr(self.xp, dtype):
            pytest.skip(f"{self.namespace} has no {dtype}")
        x, rng = self.xp.zeros((3,), dtype=getattr(self.xp, dtype)), np.random.default_rng(1)
        for function in FUNCTIONS:
            with self._refused(TypeError, DTYPE_TEXT + dtype, rng):
                self._call(function, x, training=True, rng=rng)
        with pytest.raises(TypeError, match="values " + DTYPE_TEXT + dtype):
            self.api.scale(x, x, 0.5)

    @pytest.mark.parametrize("thing", NO_ARRAYS, ids=repr)
    def test_no_array(self, thing: Any) -> None:
        """Things that are no array are refused, and shown."""
        rng, match = np.random.default_rng(1), re.escape(f"expected an array, got {thing!r} of type {type(thing).__name__}")
        for function in FUNCTIONS:
            with self._refused(TypeError, match, rng):
                self._call(function, thing, training=True, rng=rng)
        x = self.filled((2,))
        with pytest.raises(TypeError, match=match):
            self.api.scale(thing, x, 0.5)
        with pytest.raises(TypeError, match=match):
            self.api.scale(x, thing, 0.5)

    def test_immutable(self) -> None:
        """A library whose arrays are immutable refuses to write to them."""
        if self.has("writing"):
            pytest.skip("the library's arrays can be written to")
        x = self.filled((3,))
        with self._refused(TypeError, "x is immutable: a .* of shape \\(3,\\) cannot be written to", x=x):
            self.api.rrelu(x, inplace=True)
        with self._refused(TypeError, "out is immutable", x=x):
            self.api.rrelu(x, out=self.filled((3,)))

    def test_read_only(self) -> None:
        """A read-only array is refused as a place for results."""
        self.need("writing", "read_only")
        x, rng = self.read_only(self.filled((3,))), np.random.default_rng(1)
        with self._refused(TypeError, r"x is immutable: a .* of shape \(3,\) cannot be written to", rng, x=x):
            self.api.rrelu(x, training=True, rng=rng, inplace=True)
        with self._refused(TypeError, r"out is immutable: a .* of shape \(3,\) cannot be written to", rng, x=x):
            self.api.rrelu(self.filled((3,)), training=True, rng=rng, out=x)

    def test_inplace_and_out(self) -> None:
        """inplace=True names the place already."""
        self.need("writing")
        x, out, rng = self.filled((3,)), self.filled((3,)), np.random.default_rng(1)
        with self._refused(ValueError, "inplace=True writes to x: do not name another out as well", rng, x=x, out=out):
            self.api.rrelu(x, training=True, rng=rng, inplace=True, out=out)

    def _bad_outs(self, x: Any, like: str) -> Iterator[tuple[Any, type[Exception], str]]:
        yield self.filled((4,)), ValueError, rf"out has shape .*4.*, but {like} has shape .*3"
        yield self.filled((3, 1)), ValueError, rf"out has shape .*3, 1.*, but {like} has shape .*3"
        if self.has("float64"):
            yield self.filled((3,), dtype="float64"), ValueError, rf"out has dtype .*float64.*, but {like} has dtype .*float32"
        yield [0.0, 0.0, 0.0], TypeError, r"expected an array, got \[0.0, 0.0, 0.0\] of type list"

    def test_out(self) -> None:
        """`out` must have the shape and dtype of x, and be an array."""
        self.need("writing")
        x, rng = self.filled((3,)), np.random.default_rng(1)
        for out, error, match in self._bad_outs(x, "x"):
            with self._refused(error, match, rng, x=x):
                self.api.rrelu(x, training=True, rng=rng, out=out)
        for out, error, match in self._bad_outs(x, "values"):
            with self._refused(error, match, x=x):
                self.api.scale(x, x, 0.5, out=out)
        _, pullback = self.api.rrelu_vjp(x, training=True, rng=1)
        for out, error, match in self._bad_outs(x, "the cotangent"):
            with self._refused(error, match, x=x):
                pullback(x, out=out)

    def test_overlap_in_part(self) -> None:
        """`out` may be the same elements or others, but nothing in between."""
        self.need("writing", "aliasing")
        memory, rng = self.filled((100,)), np.random.default_rng(1)
        pairs: list[Callable[[Any], tuple[Any, Any]]] = [
            lambda a: (a[:-1], a[1:]),
            lambda a: (a[:50], a[49:99]),
            lambda a: (a[::2], a[:50]),
            lambda a: (self.xp.reshape(a, (10, 10)), self.xp.permute_dims(self.xp.reshape(a, (10, 10)), (1, 0))),
        ]
        for pair in pairs:
            x, out = pair(memory)
            with self._refused(ValueError, "out overlaps x in part: it must be the same elements or other memory", rng, memory=memory):
                self.api.rrelu(x, training=True, rng=rng, out=out)
            other = self.array(self.host(x), "float32")
            with self._refused(ValueError, "out overlaps gate in part", memory=memory):
                self.api.scale(other, x, 0.5, out=out)

    def test_out_overlaps_itself(self) -> None:
        """Elements that share memory cannot take results of their own."""
        self.need("writing", "aliasing")
        one, rng = self.filled((1,)), np.random.default_rng(1)
        out = self.xp.broadcast_to(one, (5,))
        with self._refused((TypeError, ValueError), "share memory, so results cannot be written|immutable", rng, one=one):
            self.api.rrelu(self.filled((5,)), training=True, rng=rng, out=out)
        with self._refused((TypeError, ValueError), "share memory, so results cannot be written|immutable", rng, one=one):
            self.api.rrelu(out, training=True, rng=rng, inplace=True)

    def test_pullback_out_overlaps_what_is_kept(self) -> None:
        """The pullback does not write into a part of the output it reads."""
        self.need("writing", "aliasing")
        memory = self.filled((11,))
        y, pullback = self.api.rrelu_vjp(memory[:10], training=True, rng=1, inplace=True)
        with self._refused(ValueError, "out overlaps the array kept for the pullback in part", memory=memory):
            pullback(self.filled((10,)), out=memory[1:])

    def test_another_library(self) -> None:
        """Arrays of two libraries are not mixed."""
        foreign = np.zeros(3, dtype=np.float32) if self.namespace != "numpy" else foreign_array()
        x, rng = self.filled((3,)), np.random.default_rng(1)
        name = re.escape(self.namespace)
        _, pullback = self.api.rrelu_vjp(x, training=True, rng=1)
        with self._refused(TypeError, f"out is an array of .*, but x is one of {name}", rng, x=x):
            self.api.rrelu(x, training=True, rng=rng, out=foreign)
        with self._refused(TypeError, f"gate is an array of .*, but values is one of {name}", x=x):
            self.api.scale(x, foreign, 0.5)
        with self._refused(TypeError, f"the cotangent is an array of .*, but y is one of {name}", x=x):
            pullback(foreign)

    def test_another_device(self) -> None:
        """Arrays of two devices are not mixed."""
        self.need("second_device")
        x, rng = self.filled((3,)), np.random.default_rng(1)
        away = self.xp.zeros((3,), dtype=self.xp.float32, device=self.another_device())
        with self._refused(ValueError, "out has device .*, but x has device", rng, x=x):
            self.api.rrelu(x, training=True, rng=rng, out=away)
        with self._refused(ValueError, "gate has device .*, but values has device", x=x):
            self.api.scale(x, away, 0.5)

    def test_cotangent(self) -> None:
        """The cotangent must have the shape and dtype of y."""
        _, pullback = self.api.rrelu_vjp(self.filled((3,)), training=True, rng=1)
        with pytest.raises(ValueError, match=r"the cotangent has shape .*4.*, but y has shape .*3"):
            pullback(self.filled((4,)))
        with pytest.raises(TypeError, match=r"expected an array, got 1\.0 of type float"):
            pullback(1.0)
        if self.has("float64"):
            with pytest.raises(ValueError, match=r"the cotangent has dtype .*float64.*, but y has dtype .*float32"):
                pullback(self.filled((3,), dtype="float64"))

    def test_gate(self) -> None:
        """The gate must have the shape and dtype of the values."""
        x = self.filled((3,))
        with self._refused(ValueError, r"gate has shape .*4.*, but values has shape .*3", x=x):
            self.api.scale(x, self.filled((4,)), 0.5)
        if self.has("float64"):
            with self._refused(ValueError, r"gate has dtype .*float64.*, but values has dtype .*float32", x=x):
                self.api.scale(x, self.filled((3,), dtype="float64"), 0.5)

    @pytest.mark.parametrize(
        ("slopes", "error", "match"),
        [
            (None, TypeError, "a constant slope must be a real number, got None of type NoneType"),
            (True, TypeError, "a constant slope must be a real number, got True of type bool"),
            (np.nan, ValueError, "a constant slope must be finite and within float32, got nan"),
            (1e39, ValueError, r"a constant slope must be finite and within float32, got 1e\+39"),
            (Slopes(0.1, 0.3, 1, strides=(1, 1)), ValueError, r"slopes have 2 strides \(1, 1\) for an array of shape \(3,\)"),
        ],
        ids=["none", "bool", "nan", "beyond_float32", "strides"],
    )
    def test_slopes_of_scale(self, slopes: Any, error: type[Exception], match: str) -> None:
        """`scale` takes a `Slopes` that fits the array, or a number."""
        x = self.filled((3,))
        with self._refused(error, match, x=x):
            self.api.scale(x, x, slopes)

    @pytest.mark.parametrize("case", BAD_SLOPES)
    def test_slopes(self, case: str) -> None:
        """A `Slopes` is refused when it is made."""
        fields, error, match = BAD_SLOPES[case]
        with pytest.raises(error, match=match):
            self.api.Slopes(0.1, 0.3, **fields)


def foreign_array() -> Any:
    """Return an array of some other library than NumPy, or skip."""
    for name in ("array_api_strict", "torch"):
        try:
            return __import__(name).zeros(3)
        except ImportError:
            continue
    pytest.skip("no second array library is installed")
