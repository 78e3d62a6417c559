"""Find the placement of an array in memory, and whether two arrays share a byte."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from operator import index
from typing import TYPE_CHECKING, Any

from .contract import row_major

if TYPE_CHECKING:
    from .contract import Array

PATIENCE = 10_000  # candidates; one takes less than a microsecond
_TYPE = r"[<>|=][biufcV](\d+)"  # NumPy's typestr of numbers, and of others as bytes, such as V2 for bfloat16


@dataclass(slots=True)  # a frozen one takes three times as long to make, and each call with `out` makes two
class Placement:
    """The memory of an array: the address of its first element, its shape, its strides in bytes, and the bytes of an element."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int
    read_only: bool = False


def placement(array: Array) -> Placement | None:
    """Return the placement of an array by NumPy's protocol or by DLPack, or None where it has neither.

    NumPy's DLPack export refuses big-endian arrays and bfloat16, so that NumPy's protocol comes first.

    Raises
    ------
    TypeError
        If the array's export violates the protocol, such as a DLPack capsule that has been used.
    ValueError
        If the exported memory has another shape than the array, or elements that are not whole bytes.
    """
    interface = getattr(array, "__array_interface__", None)
    place = _read(interface, type(array).__name__) if interface is not None else _read_capsule(array)
    if place is not None and (place.shape != tuple(array.shape) or len(place.strides) != len(place.shape)):
        exported = f"shape {place.shape} with strides {place.strides}"
        raise ValueError(f"{type(array).__name__} of shape {tuple(array.shape)} exports memory of {exported}")
    return place


def _read_capsule(array: Array) -> Placement | None:
    from .dlpack import read  # with ctypes, which only writers need

    return read(array)


def _read(interface: Any, owner: str) -> Placement | None:
    """Return the same as `multirrelu.dlpack.read`, from an ``__array_interface__``."""
    try:
        if not isinstance(interface.get("data"), tuple):
            return None  # the memory belongs to another object, under Python's buffer protocol
        address, read_only = interface["data"]
        kind = re.fullmatch(_TYPE, interface["typestr"])
        if kind is None:
            raise ValueError
        shape, itemsize, strides = tuple(map(index, interface["shape"])), int(kind[1]), interface.get("strides")
        steps = (step * itemsize for step in row_major(shape)) if strides is None else map(index, strides)
        return Placement(index(address), shape, tuple(steps), itemsize, bool(read_only))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TypeError(f"{owner} has an __array_interface__ that is not as NumPy's protocol says") from None


def overlap_in_part(a: Placement, b: Placement) -> bool:
    """Return whether two arrays share memory and are not the same elements."""
    if a.address == b.address and ((a.strides == b.strides and a.shape == b.shape) or _moving(a) == _moving(b)):
        return False
    begin, end, full, _ = _span(a.shape, a.strides, a.itemsize)
    b_begin, b_end, b_full, _ = _span(b.shape, b.strides, b.itemsize)
    ahead = a.address - b.address
    if ahead + begin >= b_end or ahead + end <= b_begin:  # as most arrays are
        return False
    return (full and b_full) or _meet(a, b)


def overlaps_itself(a: Placement) -> bool:
    """Return whether elements of an array share memory, as those of a broadcast array do."""
    return _span(a.shape, a.strides, a.itemsize)[3]


@lru_cache(maxsize=256)  # a few layouts recur
def _span(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[float, float, bool, bool]:
    """Return where an array begins and ends in bytes from its address, whether it takes all bytes between, and any of them twice."""
    if 0 in shape:
        return math.inf, -math.inf, False, False  # no other array begins before its end
    begin, size, twice = 0, itemsize, False
    for length, stride in sorted(zip(shape, strides, strict=True), key=lambda axis: abs(axis[1])):
        if length != 1:
            twice = twice or abs(stride) < size  # a few odd layouts interleave without sharing a byte; they are refused as well
            size += abs(stride) * (length - 1)
            begin += min(stride, 0) * (length - 1)
    return begin, begin + size, size == itemsize * math.prod(shape) and not twice, twice


def _moving(a: Placement) -> list[tuple[int, int]]:
    """Return the axes of more than one element, as (length, stride in bytes)."""
    return [axis for axis in zip(a.shape, a.strides, strict=True) if axis[0] > 1]


def _meet(a: Placement, b: Placement, patience: int = PATIENCE) -> bool:
    """Return whether an element of `a` and an element of `b` share a byte; after `patience` candidates, return True.

    An address of `a` minus an address of `b` is a sum of terms ``stride * k`` with ``first <= k <= last``. From the largest stride down,
    each candidate for ``k`` leaves a remainder, which the terms of smaller strides must sum to, within the size of an element. Equal
    remainders are followed once. In general this is a knapsack problem, which is NP-hard; slices of one array take few candidates.
    """
    terms = _terms(a, b)
    sums = [(0, 0, 0)]  # of the first terms: the least sum, the greatest sum, and the common divisor
    for stride, first, last in terms:
        least, most, step = sums[-1]
        sums.append((least + stride * first, most + stride * last, math.gcd(step, stride)))

    def possible(rest: int, step: int) -> bool:
        return rest % step < a.itemsize or rest % step > step - b.itemsize if step else -b.itemsize < rest < a.itemsize

    # The divisor separates arrays that never meet, such as the even and the odd elements of one array.
    rests = {rest for rest in (b.address - a.address,) if possible(rest, sums.pop()[2])}
    for (stride, first, last), (least, most, step) in zip(reversed(terms), reversed(sums), strict=True):
        before, rests = rests, set()
        for rest in before:
            low = max(first, -((most + a.itemsize - 1 - rest) // stride))
            high = min(last, (rest - least + b.itemsize - 1) // stride)
            patience -= max(0, high - low + 1)
            if patience < 0:
                return True
            rests.update(left for k in range(low, high + 1) if possible(left := rest - stride * k, step))
    return bool(rests)


def _terms(a: Placement, b: Placement) -> list[tuple[int, int, int]]:
    """Return the terms of `_meet` by stride; equal strides make one term, so that slices of one array are decided fast."""
    ranges: dict[int, list[int]] = {}
    for axes, sign in ((_moving(a), 1), (_moving(b), -1)):
        for length, stride in axes:
            if stride:
                ends = ranges.setdefault(abs(stride), [0, 0])
                ends[sign * stride > 0] += (length - 1) * (1 if sign * stride > 0 else -1)
    return [(stride, first, last) for stride, (first, last) in sorted(ranges.items())]
