"""The known answers, put to a library: they were computed outside of multirrelu and ship with the conformance suite."""

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
from .rrelu import draw_slopes, rrelu_vjp, scale

Answer = tuple[str, Any, list[float]]
KEY = 42
"""The one key, of those with known answers, for which all bounds are tried: libraries that are slow with small arrays should not wait."""

LEAST_NORMAL = 2.0**-126
"""Of float32; libraries may flush what is smaller, and the standard leaves that open."""


def check(xp: Any) -> tuple[list[str], str]:
    """Return the dtypes that `xp` has, and its first wrong answer or an empty string.

    Raises
    ------
    Exception
        Whatever the library raises instead of an answer.
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
    """Return whether a library has a dtype, and gives it when asked for it."""
    kind = dtype_of(xp, dtype)
    return kind is not None and dtype_name(xp.asarray([1.0], dtype=kind).dtype) == dtype


def dtype_of(xp: Any, name: str) -> Any:
    """Return a library's dtype by its name, or None where it has none of that name."""
    kind = getattr(xp, name, None)
    if kind is not None:
        return kind
    try:
        return xp.asarray([1.0], dtype=name).dtype  # what a library takes without a name of its own for it, such as another package's
    except Exception:  # noqa: BLE001 - each library refuses a dtype by an error of its own
        return None


def values(xp: Any, dtype: str) -> Iterator[Answer]:
    """Yield the results for sixteen numbers, infinities and zeros among them, between several bounds."""
    for record in (record for record in vectors()["values"] if record["key"] == KEY):
        lower, upper = bounds(record)
        x = xp.asarray([float.fromhex(digits) for digits in record["x"]], dtype=dtype_of(xp, dtype))
        expected = [number(bits, dtype) for bits in record[f"{dtype}_bits"]]
        y, pullback = rrelu_vjp(x, lower, upper, training=True, rng=KEY)
        yield f"key {KEY} on [{lower}, {upper}]", y, expected
        yield f"pullback of key {KEY} on [{lower}, {upper}]", pullback(x), expected  # linear: what x becomes, forward and back


def slopes(xp: Any) -> Iterator[Answer]:
    """Yield slopes between many bounds, and for each of many keys one whose position needs more than 32 bits."""
    for record in (record for record in vectors()["slopes"] if record["key"] == KEY):
        lower, upper = bounds(record)
        if 0 < max(abs(lower), abs(upper)) < LEAST_NORMAL:
            continue
        like = xp.ones(len(record["slope"]), dtype=xp.float32)  # not zeros, of which a sparse array might store none
        expected = [float.fromhex(slope) for slope in record["slope"]]
        yield f"slopes of key {KEY} on [{lower}, {upper}]", draw_slopes(like, lower, upper, rng=KEY), expected
    one = xp.ones(1, dtype=xp.float32)
    for turn, record in enumerate(record for record in vectors()["words"] if record["index"][-1] > 2**32):
        index, word = ((column := record[what])[turn % len(column)] for what in ("index", "word"))
        slope = scale(one, -one, Slopes(0.0, 1.0, record["key"], offset=index))
        # On [0, 1] the lattice has 2**24 + 1 points.
        yield f"slope {index} of key {record['key']}", slope, [(int(word, 16) * (2**24 + 1) >> 32) * 2.0**-24]


def bounds(record: dict[str, Any]) -> tuple[float, float]:
    """Return a record's bounds, which are written in hexadecimal."""
    return float.fromhex(record["lower"]), float.fromhex(record["upper"])


def number(bits: str, dtype: str) -> float:
    """Return the number whose bits these are; those of bfloat16 are the upper half of a float32's."""
    code = {4: ">e", 8: ">f", 16: ">d"}
    bits = bits + "0000" if dtype == "bfloat16" else bits
    return float(struct.unpack(code[len(bits)], bytes.fromhex(bits))[0])


@cache
def vectors() -> dict[str, Any]:
    """Return the known answers as they are packaged.

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
