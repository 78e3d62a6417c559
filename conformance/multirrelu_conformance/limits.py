"""Tests of the limits of a suite: a capability that it declares as lacking is missing, and the backend under test is used."""

from __future__ import annotations

import numpy as np
import pytest

import multirrelu
from multirrelu import Slopes
from multirrelu._registry import as_record
from multirrelu.checks import is_writeable, memory_of

from .capabilities import lacking
from .library import Library


class Limits(Library):
    """Capabilities that are declared as missing are missing, so that no test is skipped without need."""

    def test_backend_under_test_serves_the_namespace(self) -> None:
        """The public functions call the suite's own backend, where it has one."""
        backend = self.own_backend()
        if backend is None:
            pytest.skip("the suite names no backend of its own: the registered one is tested, or the standard functions")
        assert multirrelu.backend_for(self.filled((1,))).scale is as_record(backend).scale, f"not registered as {self.namespace!r}"

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
    def test_missing_dtype_is_missing(self, dtype: str) -> None:
        """A dtype is missing exactly where it is declared as lacking."""
        there = self.dtype(dtype) is not None
        if self.has(dtype):
            assert there, f"{self.namespace} has no {dtype}: declare it, lacks = {{{dtype!r}: 'the reason'}}"
        else:
            reason = lacking(type(self))[dtype]
            assert not there, f"{self.namespace} has {dtype}, though this is declared: {reason}"

    def test_missing_writing_is_missing(self) -> None:
        """Arrays are immutable exactly where writing is declared as lacking."""
        array = self.filled((1,))
        backend = multirrelu.backend_for(array)
        place = memory_of(array, backend)
        writeable = is_writeable(array, backend) and not (place is not None and place.read_only)
        assert writeable == self.has("writing"), f"arrays of {self.namespace} are {'' if writeable else 'not '}writeable"

    def test_missing_scale_at_is_missing(self) -> None:
        """`scale_at` fails exactly where it is declared as lacking."""
        if self.has("scale_at"):
            index = self.from_numpy(np.zeros(1, dtype=np.int64))
            assert tuple(self.api.scale_at(self.filled((1,)), self.filled((1,)), index, 0.5).shape) == (1,)
        else:
            with pytest.raises((TypeError, AttributeError, NotImplementedError)):
                self.api.scale_at(self.filled((1,)), self.filled((1,)), self.from_numpy(np.zeros(1, dtype=np.int64)), Slopes(0.1, 0.3, 1))

    def test_missing_negative_strides_are_missing(self) -> None:
        """Views with negative strides fail exactly where they are declared as lacking."""
        self.need("views")
        array = self.filled((3,))
        if self.has("negative_strides"):
            assert tuple(array[::-1].shape) == (3,)
        else:
            with pytest.raises((ValueError, IndexError, NotImplementedError)):
                array[::-1]
