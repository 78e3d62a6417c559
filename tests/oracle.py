"""The sampling standard once more, in Python integers and fractions, sharing no arithmetic with the package."""

from __future__ import annotations

import math
from fractions import Fraction

from arrays import rounded
from multirrelu.answers import vectors

KNOWN = vectors()  # which were made outside this project


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 as Salmon et al. 2011 write it: full 64-bit products, the key bumped between rounds."""
    (a, b, c, d), (k, j) = counter, key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = q >> 32 ^ b ^ k, q % 2**32, p >> 32 ^ d ^ j, p % 2**32
        k, j = (k + 0x9E3779B9) % 2**32, (j + 0xBB67AE85) % 2**32
    return [a, b, c, d]


def word(key: int, index: int) -> int:
    """The 32 bits of an element."""
    index %= 2**64
    block = index // 4
    return philox([block % 2**32, block // 2**32, 0, 0], [key % 2**32, key // 2**32])[index % 4]


def lattice(lower: float, upper: float) -> tuple[int, int, int]:
    """The least and greatest lattice point and the shift, from exact fractions."""
    most = max(abs(Fraction(lower)), abs(Fraction(upper)))
    exponent = -101
    while most > Fraction(2) ** exponent:
        exponent += 1
    shift = 24 - exponent
    return math.ceil(Fraction(lower) * Fraction(2) ** shift), math.floor(Fraction(upper) * Fraction(2) ** shift), shift


def slope(key: int, index: int, lower: float, upper: float) -> float:
    """The slope of an element, in training."""
    low, high, shift = lattice(lower, upper)
    if high <= low:
        return 0.5 * lower + 0.5 * upper
    return float(Fraction(low + word(key, index) * (high - low + 1) // 2**32) / Fraction(2) ** shift)


def scaled(value: float, gate: float, factor: float, dtype: str) -> float:
    """The result for one element: float32 arithmetic for float32 and below, then one rounding to the dtype."""
    if not gate <= 0:
        return value
    wide = "float64" if dtype == "float64" else "float32"
    return rounded(rounded(value * rounded(factor, wide), wide), dtype)
