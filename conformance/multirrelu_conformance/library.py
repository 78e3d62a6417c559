"""The interface of the tests to one array library: conversion of data, capabilities, and the backend under test."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, ClassVar, NoReturn

import numpy as np
import pytest

import multirrelu
from multirrelu._registry import agnostic_record, name_of_array, record_named
from multirrelu.checks import device_of, on
from multirrelu.dtypes import dtype_name

from .bits import Host, assert_equal_bits, fail, to_host
from .capabilities import lacking
from .layouts import View


class Library:
    """The attributes and methods that a suite sets for its library; `multirrelu_conformance` explains the attributes."""

    namespace: ClassVar[str]
    backend: ClassVar[Any] = None
    device: ClassVar[Any] = None
    lacks: ClassVar[dict[str, str | None]] = {}
    samples: ClassVar[int] = 1 << 20
    sizes: ClassVar[Sequence[int]] = range(131)
    api: ClassVar[Any] = multirrelu

    @pytest.fixture(autouse=True)
    def _under_test(self) -> Iterator[None]:
        """Skip the test where the library is missing, and register the suite's own backend during the test."""
        if not hasattr(self, "namespace"):
            pytest.fail(f"{type(self).__name__} must set namespace, the name of an array namespace such as 'numpy'")
        _ = self.module
        backend = self.own_backend()
        if backend is None:
            yield
            return
        before = record_named(self.namespace) or agnostic_record()
        multirrelu.register(self.namespace, backend)
        yield
        multirrelu.register(self.namespace, before)

    @pytest.fixture(autouse=True)
    def _in_context(self, _under_test: None) -> Iterator[None]:
        """Run a test in the suite's context."""
        with self.context():
            yield

    def context(self) -> AbstractContextManager[Any]:
        """Return the context in which a test runs."""
        return nullcontext()

    def own_backend(self) -> Any:
        """Return the record or function that the suite sets as its backend, or None."""
        backend = inspect.getattr_static(type(self), "backend")  # a plain function must not become a method
        return getattr(backend, "__func__", backend)

    @property
    def module(self) -> Any:
        """The module under test; the test is skipped where it is not installed."""
        return pytest.importorskip(self.namespace, reason=f"{self.namespace} is not installed")

    @cached_property
    def xp(self) -> Any:
        """The array namespace under test, from the record of the library."""
        return multirrelu.backend_for(self.filled((1,))).namespace

    def need(self, *capabilities: str) -> None:
        """Skip the test where the library lacks a capability."""
        declared = lacking(type(self))
        for name in capabilities:
            if name in declared:
                pytest.skip(declared[name])

    def has(self, capability: str) -> bool:
        """Return whether the library has a capability."""
        return capability not in lacking(type(self))

    def from_numpy(self, array: Host) -> Any:
        """Copy a NumPy array of float16, float32, float64 or an integer dtype to the library, bit for bit."""
        return self.module.asarray(np.array(array, order="C"), **on(self.device))

    def to_numpy(self, array: Any) -> Host:
        """Copy an array of the library to NumPy, bit for bit; the array is never bfloat16."""
        return np.asarray(array)

    def dtype(self, name: str) -> Any:
        """Return a dtype of the library by its name, or None where there is none."""
        return getattr(self.xp, name, None)

    def cast(self, array: Any, dtype: str) -> Any:
        """Convert an array between float32 and bfloat16; all values are exact in both."""
        return self.xp.astype(array, self.dtype(dtype))

    def read_only(self, array: Any) -> Any:
        """Return the array after making it read-only."""
        self._undeclared("read_only", "read_only")

    def another_device(self) -> Any:
        """Return a device other than the one under test."""
        own = device_of(self.filled((1,)))
        return next(device for device in self.xp.__array_namespace_info__().devices() if device not in (own, None))

    def generator(self, seed: int) -> Any:
        """Return a seeded generator of the library."""
        self._undeclared("generator", "generator")

    def seed_global(self, seed: int) -> None:
        """Seed the global generator that ``rng=None`` draws from."""
        self._undeclared("seed_global", "global_generator")

    def gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        """Return the gradient at `x` of a function with a 0-d result; the function may itself call this method."""
        self._undeclared("gradient", "autograd")

    def _undeclared(self, method: str, capability: str) -> NoReturn:
        pytest.fail(f"{type(self).__name__} must define {method}, or declare lacks = {{{capability!r}: 'the reason'}}")

    def array(self, host: Any, dtype: str) -> Any:
        """Return an array of the library with the values of a NumPy array, or skip the test where it lacks the dtype."""
        if dtype in ("float16", "bfloat16", "float64"):
            self.need(dtype)
        array = self.from_numpy(to_host(host, dtype))
        return self.cast(array, dtype) if dtype == "bfloat16" else array

    def view(self, take: View, host: Host, dtype: str) -> Any:
        """Return the view of an array that the function `take` returns, or a new array where the library has no views."""
        return take(self.xp, self.array(host, dtype)) if self.has("views") else self.array(take(np, host), dtype)

    def host(self, array: Any) -> Host:
        """Return the values of an array of the library; bfloat16 becomes float32, which holds it exactly."""
        return self.to_numpy(self.cast(array, "float32") if dtype_name(array.dtype) == "bfloat16" else array)

    def key_array(self, key: int, dtype: str = "int64") -> Any:
        """Return a key as a 0-d array, the form in which a library's own generator gives it."""
        return self.from_numpy(np.asarray(key, dtype=np.uint64).view(dtype))

    def check(self, actual: Any, expected: Host, dtype: str, *, inputs: dict[str, Host] | None = None, **context: object) -> None:
        """Fail unless an array has the library, the dtype, and bit for bit the expected values."""
        __tracebackhide__ = True
        try:
            name = name_of_array(actual)
        except TypeError:
            name = ""
        if name != self.namespace:
            fail(f"the result is a {type(actual)}, and no array of {self.namespace}", context)
        if dtype_name(actual.dtype) != dtype:
            fail(f"the result has dtype {actual.dtype}, expected {dtype}", context)
        assert_equal_bits(self.host(actual), expected, inputs=inputs, dtype=dtype, **context)

    def check_is(self, returned: Any, given: Any, what: str) -> None:
        """Fail unless a function returned the very array that it was given; the failure shows no arrays."""
        __tracebackhide__ = True
        if returned is not given:
            fail(f"the array returned must be {what} itself", {"returned": type(returned)})

    def filled(self, shape: tuple[int, ...], value: float = -1.0, dtype: str = "float32") -> Any:
        """Return an array of one value; for -1, `rrelu` returns the negatives of its slopes."""
        return self.array(np.full(shape, value), dtype)

    def slopes(self, shape: tuple[int, ...], slopes: multirrelu.Slopes) -> Host:
        """Return the slopes that the backend draws, in float32."""
        self_made = self.filled(shape)
        return -self.host(self.api.scale(self_made, self_made, slopes))
