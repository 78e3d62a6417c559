"""Check a library against the known answers, which were computed outside of multirrelu and ship with the conformance suite."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .contract import Slopes
from .dtypes import DTYPES, dtype_name
from .primitive import scale
from .rrelu import draw_slopes, rrelu_vjp

Answer = tuple[str, Any, list[float]]
KEY = 42
"""The only key that is tried with all bounds, which keeps the check short for libraries that are slow with small arrays."""

LEAST_NORMAL = 2.0**-126
"""The smallest normal float32; libraries may flush smaller numbers to zero, which the standard allows."""


def check(xp: Any) -> tuple[list[str], str]:
    """Return the dtypes that `xp` has, and its first wrong answer or an empty string.

    Raises
    ------
    Exception
        If the library raises it instead of an answer.
    """
    dtypes = [name for name in DTYPES if has(xp, name)]
    for name in dtypes:
        for question, got, expected in (*values(xp, name), *(slopes(xp) if name == "float32" else ())):
            right = got == xp.asarray(expected, dtype=got.dtype)
            if not bool(xp.all(right)):
                first = next(i for i in range(len(expected)) if not bool(right[i]))
                return dtypes, f"{name}, {question}: element {first} is {float(got[first])!r}, expected {expected[first]!r}"
    return dtypes, ""


def has(xp: Any, dtype: str) -> bool:
    """Return whether a library has a dtype and makes arrays of it."""
    kind = dtype_of(xp, dtype)
    return kind is not None and dtype_name(xp.asarray([1.0], dtype=kind).dtype) == dtype


def dtype_of(xp: Any, name: str) -> Any:
    """Return the dtype of a library by its name, or None where there is none."""
    kind = getattr(xp, name, None)
    if kind is not None:
        return kind
    try:
        return xp.asarray([1.0], dtype=name).dtype  # a dtype that is no attribute of the namespace, such as one of another package
    except Exception:  # noqa: BLE001 - each library raises its own error for an unknown dtype
        return None


def values(xp: Any, dtype: str) -> Iterator[Answer]:
    """Yield the results for sixteen numbers, among them infinities and zeros, between several bounds."""
    for record in (record for record in vectors()["values"] if record["key"] == KEY):
        lower, upper = bounds(record)
        x = xp.asarray([float.fromhex(digits) for digits in record["x"]], dtype=dtype_of(xp, dtype))
        expected = [number(bits, dtype) for bits in record[f"{dtype}_bits"]]
        y, pullback = rrelu_vjp(x, lower, upper, training=True, rng=KEY)
        yield f"key {KEY} on [{lower}, {upper}]", y, expected
        yield f"pullback of key {KEY} on [{lower}, {upper}]", pullback(x), expected  # the pullback of x equals the result for x


def slopes(xp: Any) -> Iterator[Answer]:
    """Yield slopes between many bounds, and for each of many keys one slope at a position beyond 32 bits."""
    for record in (record for record in vectors()["slopes"] if record["key"] == KEY):
        lower, upper = bounds(record)
        if 0 < max(abs(lower), abs(upper)) < LEAST_NORMAL:
            continue
        like = xp.ones(len(record["slope"]), dtype=xp.float32)  # no zeros, because a sparse array might not store them
        expected = [float.fromhex(slope) for slope in record["slope"]]
        yield f"slopes of key {KEY} on [{lower}, {upper}]", draw_slopes(like, lower, upper, rng=KEY), expected
    one = xp.ones(1, dtype=xp.float32)
    for turn, record in enumerate(record for record in vectors()["words"] if record["index"][-1] > 2**32):
        index, word = ((column := record[what])[turn % len(column)] for what in ("index", "word"))
        slope = scale(one, -one, Slopes(0.0, 1.0, record["key"], offset=index))
        # On [0, 1] the lattice has 2**24 + 1 points.
        yield f"slope {index} of key {record['key']}", slope, [(int(word, 16) * (2**24 + 1) >> 32) * 2.0**-24]


def bounds(record: dict[str, Any]) -> tuple[float, float]:
    """Return the bounds of a known answer, which are written in hexadecimal."""
    return float.fromhex(record["lower"]), float.fromhex(record["upper"])


def number(bits: str, dtype: str) -> float:
    """Return the number that has these bits; the bits of a bfloat16 are the upper half of a float32."""
    code = {4: ">e", 8: ">f", 16: ">d"}
    bits = bits + "0000" if dtype == "bfloat16" else bits
    return float(struct.unpack(code[len(bits)], bytes.fromhex(bits))[0])


@cache
def vectors() -> dict[str, Any]:
    """Return the known answers of the conformance package.

    Raises
    ------
    FileNotFoundError
        If the installation lacks them.
    """
    package = find_spec("multirrelu_conformance")  # not imported: it needs pytest
    if package is None or package.origin is None:
        raise FileNotFoundError("the package multirrelu_conformance, which holds the known answers, is missing: install multirrelu again")
    data: dict[str, Any] = json.loads(Path(package.origin).with_name("sampling_vectors.json").read_text(encoding="utf-8"))
    return data
