"""The standard on whole arrays, in NumPy, apart from the package: Philox by unsigned numbers, the lattice by fractions."""

from __future__ import annotations

from math import prod

import numpy as np

from multirrelu_conformance.bits import host_dtype, to_host
from oracle import lattice

SOME = 1 << 16  # elements at once, for what is made on the way to stay in the cache
MASK = np.uint64(2**32 - 1)
LEAST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def indices(shape, offset, strides):
    """The index of each element, modulo 2**64, as uint64."""
    total = np.full(shape, offset % 2**64, np.uint64)
    for axis, step in enumerate(strides):
        coordinates = np.arange(shape[axis], dtype=np.uint64) * np.uint64(step % 2**64)
        total += coordinates.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return total


def c_order(shape, shared=()):
    """The strides of the index in C order, where shared axes do not count."""
    shared = {axis % len(shape) for axis in shared}
    lengths = [1 if axis in shared else length for axis, length in enumerate(shape)]
    return tuple(0 if axis in shared else prod(lengths[axis + 1 :]) for axis in range(len(shape)))


def words(key, index):
    """The 32-bit word of each index, as Salmon et al. 2011 make it, in uint64."""
    block, lane, zero = index >> np.uint64(2), index & np.uint64(3), np.zeros_like(index)
    a, b, c, d = block & MASK, block >> np.uint64(32), zero, zero
    k, j = key % 2**32, key >> 32
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b, c, d = q >> np.uint64(32) ^ b ^ np.uint64(k), q & MASK, p >> np.uint64(32) ^ d ^ np.uint64(j), p & MASK
        k, j = (k + 0x9E3779B9) % 2**32, (j + 0xBB67AE85) % 2**32
    return np.choose(lane.astype(np.intp), [a, b, c, d])


def slopes(key, index, lower, upper):
    """The slope of each index, exact in float64; the constant one where the bounds leave no choice."""
    low, high, shift = lattice(lower, upper)
    if high <= low:
        return np.full(index.shape, constant(lower, upper))
    found = np.empty(index.size)
    for first in range(0, index.size, SOME):
        part = slice(first, first + SOME)
        points = low + (words(key, index.ravel()[part]) * np.uint64(high - low + 1) >> np.uint64(32)).astype(np.int64)
        found[part] = np.ldexp(points.astype(np.float64), -shift)
    return found.reshape(index.shape)


def constant(lower, upper):
    """The slope of evaluation."""
    return 0.5 * lower + 0.5 * upper


def scaled(values, gate, factors, dtype):
    """What becomes of values under a gate, in the form in which the suite holds a dtype."""
    wide = np.float64 if dtype == "float64" else np.float32
    with np.errstate(all="ignore"):
        products = values.astype(wide) * np.asarray(factors).astype(wide)
        return to_host(np.where(gate <= 0, products, values), dtype)


def promised(expected, dtype):
    """Whether the standard promises each result: a subnormal number may be flushed, and what is rounded up from one as well."""
    return (expected == 0) | ~(np.abs(expected) <= host_dtype(dtype).type(LEAST_NORMAL[dtype]))
