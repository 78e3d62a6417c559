"""Tests of errors about arrays: dtypes, shapes, devices, libraries, and outputs that cannot be written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from array_api_compat import to_device

from multirrelu import Slopes

from .refusals import FUNCTIONS, Refusals

BAD_DTYPES = ("int8", "int32", "int64", "uint8", "bool", "complex64", "complex128")
DTYPE_TEXT = "must have one of the dtypes float16, bfloat16, float32, float64, got "
NO_ARRAYS = {
    "none": (None, "None of type NoneType"),
    "number": (1.0, r"1\.0 of type float: pass an array of it"),
    "list": ([1.0, -1.0], "a list: pass an array of it"),
    "text": ("array", "'array' of type str"),
    "type": (object, "the class object"),
}


class ArrayErrors(Refusals):
    """The arrays that are refused, and the messages."""

    @pytest.mark.parametrize("dtype", BAD_DTYPES)
    def test_bad_dtypes(self, dtype: str) -> None:
        """Arrays of integers, bools and complex numbers are refused, with the name of the dtype."""
        if self.dtype(dtype) is None:
            pytest.skip(f"{self.namespace} has no {dtype}")
        x, rng = self.from_numpy(np.zeros(3, dtype)), np.random.default_rng(1)
        for function in FUNCTIONS:
            with self._refused(TypeError, DTYPE_TEXT + dtype, rng):
                self._call(function, x, training=True, rng=rng)
        with pytest.raises(TypeError, match="values " + DTYPE_TEXT + dtype):
            self.api.scale(x, x, 0.5)

    @pytest.mark.parametrize("case", NO_ARRAYS)
    def test_no_array(self, case: str) -> None:
        """Objects that are no array are refused, with the name of their type."""
        thing, named = NO_ARRAYS[case]
        rng, match = np.random.default_rng(1), f"expected an array, got {named}"
        for function in FUNCTIONS:
            with self._refused(TypeError, match, rng):
                self._call(function, thing, training=True, rng=rng)
        x = self.filled((2,))
        with pytest.raises(TypeError, match=match):
            self.api.scale(thing, x, 0.5)
        with pytest.raises(TypeError, match=match):
            self.api.scale(x, thing, 0.5)

    def test_immutable(self) -> None:
        """Writing to immutable arrays is refused."""
        if self.has("writing"):
            pytest.skip("the library's arrays can be written to")
        x = self.filled((3,))
        with self._refused(TypeError, "x is immutable: an? .* of shape \\(3,\\) and dtype .* cannot be written to", x=x):
            self.api.rrelu(x, inplace=True)
        with self._refused(TypeError, "out is immutable", x=x):
            self.api.rrelu(x, out=self.filled((3,)))

    def test_bad_out_read_only(self) -> None:
        """A read-only array is refused as `out`."""
        self.need("writing", "read_only")
        x, rng = self.read_only(self.filled((3,))), np.random.default_rng(1)
        with self._refused(TypeError, r"x is immutable: an? .* of shape \(3,\) and dtype .* cannot be written to", rng, x=x):
            self.api.rrelu(x, training=True, rng=rng, inplace=True)
        with self._refused(TypeError, r"out is immutable: an? .* of shape \(3,\) and dtype .* cannot be written to", rng, x=x):
            self.api.rrelu(self.filled((3,)), training=True, rng=rng, out=x)

    def test_inplace_and_out(self) -> None:
        """inplace=True excludes another `out`."""
        self.need("writing")
        x, out, rng = self.filled((3,)), self.filled((3,)), np.random.default_rng(1)
        with self._refused(ValueError, "inplace=True writes to x: do not name another out as well", rng, x=x, out=out):
            self.api.rrelu(x, training=True, rng=rng, inplace=True, out=out)

    def _bad_outs(self, x: Any, like: str) -> Iterator[tuple[Any, type[Exception], str]]:
        yield self.filled((4,)), ValueError, rf"out has shape .*4.*, but {like} has shape .*3"
        yield self.filled((3, 1)), ValueError, rf"out has shape .*3, 1.*, but {like} has shape .*3"
        if self.has("float64"):
            yield self.filled((3,), dtype="float64"), ValueError, rf"out has dtype .*float64.*, but {like} has dtype .*float32"
        yield [0.0, 0.0, 0.0], TypeError, "expected an array, got a list"

    def test_bad_out(self) -> None:
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
        """`out` may overlap x wholly or not at all, but not in part."""
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
        """An `out` whose elements share memory is refused."""
        self.need("writing", "aliasing")
        one, rng = self.filled((1,)), np.random.default_rng(1)
        out = self.xp.broadcast_to(one, (5,))
        with self._refused((TypeError, ValueError), "share memory, so results cannot be written|immutable", rng, one=one):
            self.api.rrelu(self.filled((5,)), training=True, rng=rng, out=out)
        with self._refused((TypeError, ValueError), "share memory, so results cannot be written|immutable", rng, one=one):
            self.api.rrelu(out, training=True, rng=rng, inplace=True)

    def test_pullback_out_overlaps_what_is_kept(self) -> None:
        """The pullback refuses an `out` that overlaps the output, which it reads, in part."""
        self.need("writing", "aliasing")
        memory = self.filled((11,))
        _, pullback = self.api.rrelu_vjp(memory[:10], training=True, rng=1, inplace=True)
        with self._refused(ValueError, "out overlaps the array kept for the pullback in part", memory=memory):
            pullback(self.filled((10,)), out=memory[1:])

    def test_another_library(self) -> None:
        """Arrays of two libraries together are refused."""
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
        """Arrays of two devices together are refused."""
        self.need("second_device")
        x, rng = self.filled((3,)), np.random.default_rng(1)
        away = to_device(self.filled((3,)), self.another_device())
        with self._refused(ValueError, "out has device .*, but x has device", rng, x=x):
            self.api.rrelu(x, training=True, rng=rng, out=away)
        with self._refused(ValueError, "gate has device .*, but values has device", x=x):
            self.api.scale(x, away, 0.5)

    def test_bad_cotangent(self) -> None:
        """The cotangent must have the shape and dtype of y."""
        _, pullback = self.api.rrelu_vjp(self.filled((3,)), training=True, rng=1)
        with pytest.raises(ValueError, match=r"the cotangent has shape .*4.*, but y has shape .*3"):
            pullback(self.filled((4,)))
        with pytest.raises(TypeError, match=r"expected an array, got 1\.0 of type float"):
            pullback(1.0)
        if self.has("float64"):
            with pytest.raises(ValueError, match=r"the cotangent has dtype .*float64.*, but y has dtype .*float32"):
                pullback(self.filled((3,), dtype="float64"))

    def test_bad_index(self) -> None:
        """Indices must be an int64 array with the library and shape of the values; slopes of `scale_at` must have no strides."""
        self.need("scale_at")
        x, index, slopes = self.filled((3,)), self.from_numpy(np.arange(3, dtype=np.int64)), Slopes(0.1, 0.3, 1)
        bad: list[tuple[Any, Any, type[Exception], str]] = [
            (x, slopes, TypeError, "index must have the dtype int64, got float32"),
            (self.from_numpy(np.arange(4, dtype=np.int64)), slopes, ValueError, r"index has shape .*4.*, but values has shape .*3"),
            ([0, 1, 2], slopes, TypeError, "expected an array, got a list"),
            (index, Slopes(0.1, 0.3, 1, strides=(1,)), ValueError, r"needs no strides: got slopes with strides \(1,\)"),
            (index, np.nan, ValueError, "a constant slope must be finite and within float32, got nan"),
            (index, None, TypeError, "a constant slope must be a real number, got None of type NoneType"),
        ]
        for at, slope, error, match in bad:
            with self._refused(error, match, x=x):
                self.api.scale_at(x, x, at, slope)
        with self._refused(ValueError, r"gate has shape .*4.*, but values has shape .*3", x=x):
            self.api.scale_at(x, self.filled((4,)), index, slopes)
        foreign = np.arange(3, dtype=np.int64) if self.namespace != "numpy" else foreign_array()
        with self._refused(TypeError, f"index is an array of .*, but values is one of {re.escape(self.namespace)}", x=x):
            self.api.scale_at(x, x, foreign, slopes)

    def test_bad_gate(self) -> None:
        """The gate must have the shape and dtype of the values."""
        x = self.filled((3,))
        with self._refused(ValueError, r"gate has shape .*4.*, but values has shape .*3", x=x):
            self.api.scale(x, self.filled((4,)), 0.5)
        if self.has("float64"):
            with self._refused(ValueError, r"gate has dtype .*float64.*, but values has dtype .*float32", x=x):
                self.api.scale(x, self.filled((3,), dtype="float64"), 0.5)


def foreign_array() -> Any:
    """Return an array of a library other than NumPy, or skip the test."""
    for module, function in (("array_api_strict", "zeros"), ("torch", "zeros"), ("scipy.sparse", "coo_array")):
        try:
            return getattr(import_module(module), function)((3,))
        except ImportError:
            continue
    pytest.skip("no second array library is installed")
