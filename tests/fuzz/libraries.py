"""The libraries that cases run on: their conformance suites, and what only a case asks of them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any
from zlib import crc32

import numpy as np

from multirrelu_conformance import suite_for
from multirrelu_conformance.bits import Host
from multirrelu_conformance.library import Library


class Fuzzed(Library):
    """A library as a suite knows it, and the dtypes and places in memory that its arrays alone have."""

    kinds: tuple[str, ...] = ("plain",)
    places: tuple[str, ...] = ("plain",)
    large = 150_000  # elements of arrays that threads share
    huge = 0  # bytes of arrays that do not fit a cache, where kernels write past it

    def settings(self, rng: np.random.Generator, dtype: str) -> AbstractContextManager[Any]:
        """Switch what can be switched, for one case."""
        return nullcontext()

    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that the library has."""
        return tuple(name for name in ("float16", "bfloat16", "float32", "float64") if name == "float32" or self.has(name))

    def laid(self, array: Any, kind: str, place: str) -> Any:
        """The values of an array of one axis in memory of another kind, at another place."""
        return array

    def indices(self, index: Host, like: Any) -> Any:
        """An array of int64, for an array of the same shape."""
        return self.from_numpy(index)


class NumPy(Fuzzed):
    kinds = ("plain", "plain", "plain", "swapped", "mixed")
    places = ("plain", "plain", "plain", "unaligned", "read_only")
    lacks = {"bfloat16": None if find_spec("ml_dtypes") else "ml_dtypes is not installed"}  # noqa: RUF012
    large, huge = 400_000, 1 << 25

    def dtype(self, name: str) -> Any:
        return getattr(__import__("ml_dtypes"), name) if name == "bfloat16" else super().dtype(name)

    def laid(self, array: Host, kind: str, place: str) -> Host:
        dtype = array.dtype.newbyteorder("S") if kind == "swapped" and array.dtype.kind == "f" else array.dtype
        if place != "unaligned":
            array = array.astype(dtype)
            return self.read_only(array) if place == "read_only" else array
        moved = np.ndarray(array.shape, dtype, np.empty(array.nbytes + 1, np.uint8), offset=1)
        moved[...] = array
        return moved


class Torch(Fuzzed):
    places = ("plain", "plain", "plain", "unaligned", "negated")
    large, huge = 400_000, 1 << 25

    def laid(self, array: Any, kind: str, place: str) -> Any:
        torch = __import__("torch")
        if place == "negated":
            return torch._neg_view(-array)
        if place != "unaligned" or array.numel() == 0:
            return array
        memory = bytearray(array.numel() * array.itemsize + 1)
        return torch.frombuffer(memory, dtype=array.dtype, count=array.numel(), offset=1).copy_(array)


class Jax(Fuzzed):
    cases = 0

    def settings(self, rng: np.random.Generator, dtype: str) -> AbstractContextManager[Any]:
        jax, self.cases = __import__("jax"), self.cases + 1
        if self.cases % 50 == 0:  # each case has compiled some programs, a few megabytes
            jax.clear_caches()
        return jax.enable_x64(dtype == "float64" or bool(rng.integers(2)))

    def key_array(self, key: int, dtype: str = "int64") -> Any:
        with __import__("jax").enable_x64(True):
            return super().key_array(key, dtype)

    def indices(self, index: Host, like: Any) -> Any:
        with __import__("jax").enable_x64(True):
            return super().indices(index, like)


class Dask(Fuzzed):
    def from_numpy(self, array: Host) -> Any:
        rng = np.random.default_rng(crc32(array.tobytes()))
        cut = rng.choice(array.ndim, min(array.ndim, 2), replace=False) if array.ndim else ()
        ends = [np.sort(rng.integers(0, length + 1, 2 * (axis in cut))) for axis, length in enumerate(array.shape)]
        chunks = tuple(tuple(np.diff([0, *some, length]).tolist()) for some, length in zip(ends, array.shape, strict=True))
        return __import__("dask.array").array.from_array(array.copy(), chunks=chunks)

    def indices(self, index: Host, like: Any) -> Any:
        return __import__("dask.array").array.from_array(index, chunks=like.chunks)


KNOWN: dict[str, type[Fuzzed]] = {"numpy": NumPy, "torch": Torch, "jax.numpy": Jax, "dask.array": Dask}
"""By namespace, those of which more is known than their suite knows."""


def library(namespace: str, **attributes: Any) -> Fuzzed:
    """A library by the name of its namespace, with some attributes other than they are."""
    bases = KNOWN.get(namespace, Fuzzed), suite_for(namespace)
    together: type[Fuzzed] = type(f"Fuzzed {namespace}", bases, {"namespace": namespace, **attributes})
    return together()


def missing(namespace: str) -> str:
    """Why no case can run on a library: it is not installed, or makes no array, as where a GPU is missing; else an empty string."""
    if find_spec(namespace.partition(".")[0]) is None:
        return "not installed"
    try:
        library(namespace).filled((1,))
    except Exception as error:  # noqa: BLE001 - a library has its own words for what it lacks
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return ""
