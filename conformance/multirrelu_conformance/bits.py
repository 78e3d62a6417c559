"""Compare arrays bit for bit, with readable failures."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

Host = npt.NDArray[Any]
"""A NumPy array, the form of data in this package. float32 represents bfloat16 exactly."""

UNSIGNED = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def assert_equal_bits(actual: Host, expected: Host, *, inputs: dict[str, Host] | None = None, **context: object) -> None:
    """Fail unless two arrays have one shape, one dtype and the same bits; all NaNs are equal.

    Parameters
    ----------
    actual, expected : array of shape (...)
        float16, float32 or float64.
    inputs : dict of str to array, optional
        Arrays that broadcast to the shape; a failure shows their values at the first difference.
    **context
        Further facts that a failure shows: the key, the bounds, the layout, ...

    Raises
    ------
    AssertionError
        If the arrays differ; the text has the count, the first position, both values and their bits.
    """
    __tracebackhide__ = True
    actual, expected = np.asarray(actual), np.asarray(expected)
    for what, got, wanted in (("shape", actual.shape, expected.shape), ("dtype", actual.dtype, expected.dtype)):
        if got != wanted:
            fail(f"the {what} is {got}, expected {wanted}", context)
    differ = (bits_of(actual) != bits_of(expected)) & ~(np.isnan(actual) & np.isnan(expected))
    count = int(np.count_nonzero(differ))
    if count:
        first = tuple(int(axis[0]) for axis in np.nonzero(differ)) if differ.ndim else ()
        lines = [f"{count} of {differ.size} elements differ ({actual.dtype}), the first at {list(first)} of shape {list(differ.shape)}"]
        lines += [describe(name, array[first]) for name, array in (("actual", actual), ("expected", expected))]
        for name, array in (inputs or {}).items():
            lines.append(describe(name, np.broadcast_to(array, differ.shape)[first]))
        fail("\n  ".join(lines), context)


def fail(message: str, context: dict[str, object]) -> NoReturn:
    """Raise an AssertionError with the context of the failure."""
    __tracebackhide__ = True
    raise AssertionError("\n  ".join([message, *(f"{name} = {value!r}" for name, value in context.items())]))


def bits_of(array: Host) -> Host:
    """Return the bits of each element as unsigned integers."""
    return np.array(array, order="C").view(UNSIGNED[array.dtype.itemsize])


def describe(name: str, value: Any) -> str:
    """Return one line with a number and its bits."""
    number = np.asarray(value)
    return f"{name:<8} {number[()]!s:<24} bits {int(bits_of(number)[()]):0{2 * number.dtype.itemsize}x}"


def to_bfloat16(array: Host) -> Host:
    """Round float32 to the nearest bfloat16, ties to even, and return it as float32."""
    bits = bits_of(np.asarray(array, dtype=np.float32)).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(array), np.float32(np.nan), rounded)


def host_dtype(dtype: str) -> np.dtype[Any]:
    """Return the NumPy dtype that represents a dtype."""
    return np.dtype(np.float32 if dtype == "bfloat16" else dtype)


def to_host(array: Any, dtype: str) -> Host:
    """Round float64 or a narrower dtype to the given dtype, in its NumPy representation."""
    with np.errstate(over="ignore"):
        rounded: Host = np.asarray(array).astype(host_dtype(dtype))
    return to_bfloat16(rounded) if dtype == "bfloat16" else rounded
