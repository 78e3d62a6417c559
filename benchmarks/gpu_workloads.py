"""What the benchmark for GPUs has in common for all libraries: bounds, dtypes, names, and when something is skipped."""

from __future__ import annotations

from collections.abc import Callable

BOUNDS = (1 / 8, 1 / 3)
DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}
SMALL = 1 << 10  # elements of a call of which the time on the host is measured
COPY, OURS, LAUNCH = "copy", "multirrelu", "launch of a small call"
MOST = 12  # arrays of the size measured that are there at one time: a composition in float32 takes several for each of bfloat16
Work = dict[str, Callable[[], object]]


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """Why something is not measured."""


def need(free: int, dtype: str, elements: int) -> None:
    """Raise where a GPU's memory is too small."""
    if free < (wanted := MOST * elements * DTYPES[dtype]):
        raise Skipped(f"{free / 2**30:.1f} GiB of memory are free, of {wanted / 2**30:.1f} that may be needed")
