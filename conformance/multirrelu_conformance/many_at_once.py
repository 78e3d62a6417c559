"""The same calls on many libraries at once: each of them gives the same bytes everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import multirrelu

from .bits import Host, to_bfloat16
from .capabilities import lacking
from .suite import suite_for

NUMBERS = (-1.0, -0.0, 2.5, -3.0, 0.0, -float("inf"), 1.0, -0.75, float("inf"), -512.0, -(2.0**-10))
"""What `x` holds, again and again: numbers that every dtype has."""


@dataclass(frozen=True)
class Call:
    """A call of a public function, as Python writes it, on an array `x` of a shape and a dtype."""

    code: str
    shape: tuple[int, ...] = (5, 7)
    dtype: str = "float32"

    def lacks(self, namespace: str) -> str | None:
        """Return why a library cannot hold `x`, or None."""
        lacks = lacking(_suite(namespace))
        return lacks.get(self.dtype) or (None if self.shape else lacks.get("scalars"))

    def answer(self, namespace: str) -> Host:
        """Return what a library makes of the call; bfloat16 as float32, which holds it exactly."""
        library = _suite(namespace)()
        with library.context():
            x = library.array(np.resize(NUMBERS, self.shape), self.dtype)
            return np.ascontiguousarray(library.host(eval(self.code, {**vars(multirrelu), "x": x})))  # noqa: S307 - a text of `CALLS`

    def expected(self) -> Host:
        """Return what NumPy makes of it."""
        return to_bfloat16(replace(self, dtype="float32").answer("numpy")) if self.dtype == "bfloat16" else self.answer("numpy")


@cache
def _suite(namespace: str) -> Any:
    return suite_for(namespace)


TRAINING = "rrelu(x, training=True, rng=42)"
CALLS = [
    *(Call(TRAINING, shape) for shape in ((), (1,), (0,), (3, 0, 2), (131,), (2, 3, 4, 5))),
    *(Call(code, dtype=dtype) for dtype in ("float16", "bfloat16", "float32", "float64") for code in ("rrelu(x)", TRAINING)),
    *(Call(f"rrelu(x, training=True, rng={key})") for key in ("0", "1", "2**32 - 1", "2**32", "2**63 - 1", "2**63", "2**64 - 1")),
    *(Call(f"scale(x, x, Slopes(0.1, 0.3, 42, offset={at}))") for at in ("1", "2**32 - 2", "2**34 - 5", "2**63 - 7", "2**64 - 9")),
    *(Call(f"scale(x, x, Slopes(0.1, 0.3, 42, strides={steps}))") for steps in ("(0, 0)", "(1, 5)", "(-7, 2**63 + 1)")),
    *(Call(f"rrelu(x, training=True, rng=42, shared_axes={axes})", (2, 3, 5)) for axes in ("0", "-1", "(0, 2)", "(0, 1, 2)")),
    *(Call(f"rrelu(x, {bounds}, training=True, rng=42)") for bounds in ("-0.5, 0.5", "-0.0, 3e35", "1e-37, 1e-30", "0.2, 0.2")),
    *(Call(f"draw_slopes(x, {bounds}, rng=42)", dtype=dtype) for bounds in ("-1, 1", "0.2, 0.2") for dtype in ("float32", "float64")),
    Call("draw_slopes(x, rng=42, shared_axes=1)"),
    Call("rrelu_vjp(x, training=True, rng=42)[1](rrelu(x))"),
    Call("rrelu_vjp(x, -0.5, 0.5, training=True, rng=42)[1](rrelu(x))"),
]
"""What every library is asked."""
