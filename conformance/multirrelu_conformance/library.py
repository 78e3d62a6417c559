"""One array library as the tests see it: how data goes in and out, what it lacks, and which backend serves it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

import array_api_compat
import numpy as np
import pytest

import multirrelu
from multirrelu import answers
from multirrelu.dtypes import dtype_name

from . import hooks
from .bits import Host, assert_equal_bits, fail, to_host
from .capabilities import lacking


class Library:
    """What a suite is told about the library under test; `multirrelu_conformance` explains the attributes."""

    namespace: ClassVar[str]
    scale: ClassVar[Callable[..., Any] | None] = None
    device: ClassVar[Any] = None
    lacks: ClassVar[dict[str, str | None]] = {}
    samples: ClassVar[int] = 1 << 20
    sizes: ClassVar[Sequence[int]] = range(131)
    api: ClassVar[Any] = multirrelu

    @pytest.fixture(autouse=True)
    def _under_test(self) -> Iterator[None]:
        """Skip where the library is missing, and let the suite's own `scale` serve its arrays for the time of a test."""
        if not hasattr(self, "namespace"):
            pytest.fail(f"{type(self).__name__} must set namespace, the name of an array namespace such as 'numpy'")
        scale = inspect.getattr_static(type(self), "scale")  # a plain function must not turn into a method
        if scale is None:
            _ = self.xp
            yield
            return
        before = multirrelu.backend_for(self.xp.zeros(1))
        multirrelu.register(self.namespace, getattr(scale, "__func__", scale))
        yield
        multirrelu.register(self.namespace, before)

    @property
    def xp(self) -> Any:
        """The array namespace under test."""
        return namespace_named(self.namespace)

    def need(self, *capabilities: str) -> None:
        """Skip the test where the library lacks a capability."""
        declared = lacking(self.namespace, self.lacks)
        for name in capabilities:
            if name in declared:
                pytest.skip(declared[name])

    def has(self, capability: str) -> bool:
        """Return whether the library has a capability."""
        return capability not in lacking(self.namespace, self.lacks)

    def from_numpy(self, array: Host) -> Any:
        """Copy a NumPy array of float16, float32, float64 or an integer dtype to the library, bit for bit."""
        return self.xp.asarray(np.array(array, order="C"), device=self.device)

    def to_numpy(self, array: Any) -> Host:
        """Copy an array of the library to NumPy, bit for bit; bfloat16 is never asked for."""
        return np.asarray(hooks.TO_NUMPY.get(self.namespace, np.asarray)(array))

    def dtype(self, name: str) -> Any:
        """Return a dtype of the library by its name, or None where it has none of that name."""
        hook = hooks.DTYPES.get(self.namespace)
        return answers.dtype_of(self.xp, name) if hook is None else hook(name)

    def read_only(self, array: Any) -> Any:
        """Return the array after making it read-only."""
        array.flags.writeable = False
        return array

    def another_device(self) -> Any:
        """Return a device that is not the one under test."""
        own = array_api_compat.device(self.filled((1,)))
        return next(device for device in self.xp.__array_namespace_info__().devices() if device not in (own, None))

    def generator(self, seed: int) -> Any:
        """Return a generator of the library's own, seeded."""
        return hooks.GENERATORS[self.namespace](seed, self.device)

    def seed_global(self, seed: int) -> None:
        """Seed the global generator that ``rng=None`` draws from."""
        hooks.SEED_GLOBAL[self.namespace](seed)

    def gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        """Return the gradient of a function with a 0-d result at `x`; the function may call this method in its turn."""
        return hooks.GRADIENTS[self.namespace](function, x)

    def array(self, host: Any, dtype: str) -> Any:
        """Return an array of the library with the values of a NumPy array; a dtype it lacks skips the test."""
        if dtype in ("float16", "bfloat16", "float64"):
            self.need(dtype)
        array = self.from_numpy(to_host(host, dtype))
        # The values are bfloat16's already, so that this cast is exact.
        return self.xp.astype(array, self.dtype(dtype)) if dtype == "bfloat16" else array

    def host(self, array: Any) -> Host:
        """Return the values of an array of the library; bfloat16 becomes float32, which holds it exactly."""
        if dtype_name(array.dtype) == "bfloat16":
            array = self.xp.astype(array, self.xp.float32)
        return self.to_numpy(array)

    def key_array(self, key: int, dtype: str = "int64") -> Any:
        """Return a key as a 0-d array, which is how a library's own generator gives it."""
        return self.from_numpy(np.asarray(key, dtype=np.uint64).view(dtype))

    def check(self, actual: Any, expected: Host, dtype: str, *, inputs: dict[str, Host] | None = None, **context: object) -> None:
        """Fail unless an array is of the library and of a dtype, and has the expected values bit for bit."""
        __tracebackhide__ = True
        if not array_api_compat.is_array_api_obj(actual) or array_api_compat.array_namespace(actual) is not self.xp:
            fail(f"the result is a {type(actual)}, and no array of {self.namespace}", context)
        if actual.dtype != self.dtype(dtype):
            fail(f"the result has dtype {actual.dtype}, expected {dtype}", context)
        assert_equal_bits(self.host(actual), expected, inputs=inputs, dtype=dtype, **context)

    def check_is(self, returned: Any, given: Any, what: str) -> None:
        """Fail, without showing arrays, unless what a function returned is the very array that it was given."""
        __tracebackhide__ = True
        if returned is not given:
            fail(f"the array returned must be {what} itself", {"returned": type(returned)})

    def filled(self, shape: tuple[int, ...], value: float = -1.0, dtype: str = "float32") -> Any:
        """Return an array of one value; -1 turns `rrelu` into the negative of its slopes."""
        return self.array(np.full(shape, value), dtype)

    def slopes(self, shape: tuple[int, ...], slopes: multirrelu.Slopes) -> Host:
        """Return the slopes that the backend draws, in float32."""
        self_made = self.filled(shape)
        return -self.host(self.api.scale(self_made, self_made, slopes))


@cache
def namespace_named(name: str) -> Any:
    """Import the library and return the namespace of its arrays; skip where it is not installed."""
    module = pytest.importorskip(name, reason=f"{name} is not installed")
    return array_api_compat.array_namespace(module.zeros(1))
