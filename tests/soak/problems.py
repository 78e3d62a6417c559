"""Arrays with results that are known beforehand, from the fuzz's reference, to be asked for again and again."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

import multirrelu
from fuzz import reference

SIZES = (1 << 10, 1 << 17, (1 << 19) + 7, (1 << 21) + 1)  # the first for one thread, the others for all
BOUNDS = 1 / 8, 1 / 3
FILL = 0x5A  # of each byte of an array that nobody may write to any more


class LateError(AssertionError):
    """Memory was written to after the call that it was given to had been left."""


class Problem:
    """An array of a library, and what `rrelu` makes of it with one key."""

    def __init__(self, library: str, size: int, key: int, dtype: str = "float32") -> None:
        self.library, self.key = library, key
        self.host = np.random.default_rng(key).standard_normal(size).astype(dtype)
        slopes = reference.slopes(key, reference.indices((size,), 0, (1,)), *BOUNDS)
        self.expected = reference.scaled(self.host, self.host, slopes, dtype)
        self.x = self.made(self.host)

    def made(self, host: Any) -> Any:
        """An array of the library with these values, of its own memory."""
        return host.copy() if self.library == "numpy" else import_module("torch").from_numpy(host.copy())

    def call(self, x: Any = None, **options: Any) -> Any:
        """What multirrelu makes of the array."""
        return multirrelu.rrelu(self.x if x is None else x, *BOUNDS, training=True, rng=self.key, **options)

    def ask(self, rng: np.random.Generator) -> None:
        """Ask for the result in one of the ways in which it can be had, and compare its bits."""
        way = int(rng.integers(3))
        if way == 0:
            result = self.call()
        elif way == 1:
            result = self.call(out=self.made(np.empty_like(self.host)))
        else:
            result = self.call(self.made(self.host), inplace=True)
        self.compare(result)

    def compare(self, result: Any) -> None:
        """Fail unless a result has the bits that it must have."""
        host = np.asarray(result)
        wrong = np.flatnonzero(host.view(np.uint8) != self.expected.view(np.uint8))
        assert not wrong.size, f"{wrong.size} bytes are wrong, from byte {wrong[0]} to byte {wrong[-1]} of {host.nbytes}: key {self.key}"


def problems(library: str, rng: np.random.Generator) -> list[Problem]:
    """One problem of each size, and one in double precision."""
    keys = rng.integers(0, 2**63, len(SIZES) + 1).tolist()
    return [
        *(Problem(library, size, key) for size, key in zip(SIZES, keys[1:], strict=True)),
        Problem(library, 1 << 18, keys[0], "float64"),
    ]


def seal(array: Any) -> None:
    """Fill an array with what no result is."""
    np.asarray(array).view(np.uint8)[...] = FILL


def untouched(array: Any) -> None:
    """Fail if something was written to an array since it was sealed."""
    written = np.flatnonzero(np.asarray(array).view(np.uint8) != FILL)
    if written.size:
        raise LateError(f"{written.size} bytes were written late, from byte {written[0]} to byte {written[-1]}")
