"""A backend as a stranger would write it: the standard in NumPy's own functions."""

import numpy as np

from multirrelu import Slopes

HALF = np.uint64(32)
WORD = np.uint64(2**32 - 1)


def scale(values, gate, slopes, /, *, out=None):
    """Multiply each of `values` by its slope where ``gate <= 0``."""
    wide = np.float64 if values.dtype == np.float64 else np.float32
    slope = draw(values.shape, slopes) if isinstance(slopes, Slopes) else slopes
    with np.errstate(all="ignore"):  # overflow, and NaN, are results like others
        result = values.astype(wide) * np.where(gate <= 0, slope, 1).astype(wide)
        result = np.asarray(result).astype(values.dtype)
    if out is None:
        return result
    out[...] = result
    return out


def draw(shape, slopes):
    """Return each element's slope: a point of the lattice, picked by a word."""
    index = np.full(shape, slopes.offset, np.uint64)
    coordinates = np.indices(shape, np.uint64)
    for step, coordinate in zip(slopes.steps(shape), coordinates, strict=True):
        index += np.uint64(step % 2**64) * coordinate
    low, span, unit = slopes.lattice
    word = words(index, int(slopes.key) % 2**64)
    picked = word * np.uint64(span) >> HALF
    return (low + picked.astype(np.int64)) * unit


def words(index, key):
    """Return the 32-bit word that each index owns under a key, by Philox4x32-10."""
    block, zero = index >> np.uint64(2), np.zeros_like(index)
    a, b, c, d = block & WORD, block >> HALF, zero, zero
    for turn in range(10):
        left = np.uint64((key + turn * 0x9E3779B9) % 2**32)
        right = np.uint64(((key >> 32) + turn * 0xBB67AE85) % 2**32)
        p, q = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = q >> HALF ^ b ^ left, q & WORD, p >> HALF ^ d ^ right, p & WORD
    return np.choose((index % np.uint64(4)).astype(int), (a, b, c, d))


def looks_at_the_values(values, gate, slopes, /, *, out=None):
    """Do as `scale` does, but with the values as the gate."""
    return scale(values, values, slopes, out=out)
