"""Layouts of the arrays in the workloads: functions that take an array of one axis, of any library, and return a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from .workload import Workload

View: TypeAlias = Callable[[Any], Any]
Workloads: TypeAlias = Callable[[View], Iterator[Workload]]

WIDTH, FIRST = 1024, 100


def whole(x: Any) -> Any:
    """Return the array itself."""
    return x


def transposed(x: Any) -> Any:
    """Return a transposed matrix; the rows are a power of two near the square root of the number of elements."""
    return x.reshape(1 << (len(x).bit_length() // 2), -1).T


def rows(x: Any) -> Any:
    """Return half of the elements: some columns of a matrix that is twice as wide."""
    return x.reshape(-1, 2 * WIDTH)[:, FIRST : FIRST + WIDTH]


LAYOUTS: dict[str, tuple[View, int]] = {"transposed": (transposed, 1), "rows": (rows, 2)}
"""The functions by name, each with the number of elements of the array for one of the view."""


def cases(workloads: Workloads, elements: int) -> Iterator[tuple[str, int, dict[str, Callable[[], object]]]]:
    """Yield the work, the elements and the functions of each workload, then those of training in the other layouts."""
    for one in workloads(whole):
        yield one.work, elements, one.ways
    for name, (view, times) in LAYOUTS.items():
        one = next(workloads(view))
        yield f"{one.work}, {name}", elements // times, one.ways
