"""The common parts of the GPU benchmark for all libraries: bounds, dtypes, names, and skipping."""

from __future__ import annotations

from collections.abc import Callable

BOUNDS = (1 / 8, 1 / 3)
DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}
SMALL = 1 << 10  # elements of a call that is timed on the host
COPY, OURS, LAUNCH = "copy", "multirrelu", "launch of a small call"
MOST = 12  # arrays of the measured size in memory at a time: a composition in float32 makes several for each bfloat16 array
Work = dict[str, Callable[[], object]]


class Skipped(Exception):  # noqa: N818 - skipping is no error
    """The reason why something is not measured."""


def need(free: int, dtype: str, elements: int) -> None:
    """Raise where the free memory of a GPU is too small."""
    if free < (wanted := MOST * elements * DTYPES[dtype]):
        raise Skipped(f"{free / 2**30:.1f} GiB of memory are free, of {wanted / 2**30:.1f} that may be needed")
