"""Tests of errors: every bad input is refused with its message, before anything is written or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from multirrelu import Slopes

from .array_errors import ArrayErrors
from .refusals import FUNCTIONS

BAD_BOUNDS = {
    "swapped": (0.3, 0.1, ValueError, r"lower must not exceed upper, got lower=0\.3 and upper=0\.1"),
    "swapped_negative": (-0.1, -0.3, ValueError, r"lower must not exceed upper, got lower=-0\.1 and upper=-0\.3"),
    "lower_nan": (np.nan, 0.3, ValueError, "lower must be finite and within float32, got nan"),
    "upper_nan": (0.1, np.nan, ValueError, "upper must be finite and within float32, got nan"),
    "infinite": (0.1, np.inf, ValueError, "upper must be finite and within float32, got inf"),
    "beyond_float32": (-3.5e38, 0.3, ValueError, r"lower must be finite and within float32, got -3\.5e\+38"),
    "beyond_double": (0.1, 10**400, ValueError, "upper must be finite and within float32, got an int of 1329 bits"),
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
    "float": (4.2, TypeError, r"rng must be an int in \[0, 2\*\*64\), a 0-d integer array, .* got 4\.2 of type float"),
    "bool": (True, TypeError, "rng must be an int.* or None; got True of type bool"),
    "text": ("seed", TypeError, "rng must be an int.* or None; got 'seed' of type str"),
    "object": (Slopes, TypeError, "rng must be an int.* or None; got the class Slopes of multirrelu"),
}
BAD_AXES = {
    "too_large": (2, ValueError, "shared axis 2 is out of range for an array of 2 axes"),
    "too_small": (-3, ValueError, "shared axis -3 is out of range for an array of 2 axes"),
    "one_of_two": ((0, 5), ValueError, "shared axis 5 is out of range for an array of 2 axes"),
    "twice": ((1, -1), ValueError, r"shared axis -1 is named twice in \(1, -1\)"),
    "float": (0.5, TypeError, r"a shared axis must be an integer, got 0\.5 of type float"),
    "text": (("a",), TypeError, "a shared axis must be an integer, got 'a' of type str"),
}
BAD_SLOPES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "key_text": ({"key": "a"}, TypeError, "a key must be an integer, got 'a' of type str"),
    "key_bool": ({"key": True}, TypeError, "a key must be an integer, got True of type bool"),
    "key_negative": ({"key": -1}, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got -1"),
    "key_too_large": ({"key": 2**64}, ValueError, r"an integer rng or key must lie in \[0, 2\*\*64\), got 18446744073709551616"),
    "key_of_an_axis": (
        {"key": np.zeros(2, dtype=np.int64)},
        ValueError,
        r"a key must be a 0-d array, got an ndarray of numpy of shape \(2,\) and dtype int64",
    ),
    "offset": ({"key": 1, "offset": 0.5}, TypeError, r"offset must be an integer, got 0\.5"),
    "strides": ({"key": 1, "strides": (1, "x")}, TypeError, "a stride must be an integer, got 'x'"),
}


class Errors(ArrayErrors):
    """The arguments that are refused, and the messages."""

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("case", BAD_BOUNDS)
    def test_bad_bounds(self, case: str, function: str, training: bool) -> None:
        """Bounds are checked in both modes, and for empty arrays."""
        lower, upper, error, match = BAD_BOUNDS[case]
        for shape in ((5,), (0,)):
            x, rng = self.filled(shape), np.random.default_rng(1)
            with self._refused(error, match, rng, x=x):
                self._call(function, x, lower, upper, training=training, rng=rng)

    @pytest.mark.parametrize("case", BAD_BOUNDS)
    def test_bad_bounds_when_writing(self, case: str) -> None:
        """Neither `out` nor x is written to when the bounds are wrong."""
        self.need("writing")
        lower, upper, error, match = BAD_BOUNDS[case]
        x, out, rng = self.filled((5,)), self.filled((5,), 9.0), np.random.default_rng(1)
        with self._refused(error, match, rng, x=x, out=out):
            self.api.rrelu(x, lower, upper, training=True, rng=rng, out=out)
        with self._refused(error, match, rng, x=x):
            self.api.rrelu(x, lower, upper, training=True, rng=rng, inplace=True)

    @pytest.mark.parametrize("case", BAD_BOUNDS)
    def test_bad_bounds_of_the_layer_and_of_slopes(self, case: str) -> None:
        """Bad bounds are refused when a layer or a `Slopes` is made."""
        lower, upper, error, match = BAD_BOUNDS[case]
        with pytest.raises(error, match=match):
            self.api.RReLU(lower, upper)
        with pytest.raises(error, match=match):
            self.api.Slopes(lower, upper, 1)

    @pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("case", BAD_RNG)
    def test_bad_rng(self, case: str, training: bool) -> None:
        """An rng that gives no key is refused in both modes, and when a layer is made."""
        rng, error, match = BAD_RNG[case]
        x = self.filled((5,))
        for function in FUNCTIONS:
            with self._refused(error, match, x=x):
                self._call(function, x, training=training, rng=rng)
        with pytest.raises(error, match=match):
            self.api.RReLU(rng=rng)

    def test_default_rng_is_missing(self) -> None:
        """A library without a global generator needs an rng, in training only."""
        if self.has("default_rng"):
            pytest.skip("the library has a key for calls without rng")
        with pytest.raises(TypeError, match="no global generator: pass rng="):
            self.api.rrelu(self.filled((5,)), training=True)
        self.api.rrelu(self.filled((5,)))

    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("case", BAD_AXES)
    def test_bad_shared_axes(self, case: str, function: str) -> None:
        """Axes are checked against the array."""
        axes, error, match = BAD_AXES[case]
        x, rng = self.filled((3, 4)), np.random.default_rng(1)
        with self._refused(error, match, rng, x=x):
            self._call(function, x, training=True, rng=rng, shared_axes=axes)

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
    def test_bad_slopes_of_scale(self, slopes: Any, error: type[Exception], match: str) -> None:
        """`scale` takes only a `Slopes` that fits the array, or a number."""
        x = self.filled((3,))
        with self._refused(error, match, x=x):
            self.api.scale(x, x, slopes)

    @pytest.mark.parametrize("case", BAD_SLOPES)
    def test_bad_slopes(self, case: str) -> None:
        """Bad fields are refused when a `Slopes` is made."""
        fields, error, match = BAD_SLOPES[case]
        with pytest.raises(error, match=match):
            self.api.Slopes(0.1, 0.3, **fields)
