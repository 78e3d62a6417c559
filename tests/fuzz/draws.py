"""Random numbers where faults hide: shapes, bounds to the edges of float32, keys, offsets and strides near powers of two, values."""

from __future__ import annotations

import math

import numpy as np

from fuzz.reference import LEAST_NORMAL, c_order
from multirrelu_conformance.bits import to_host

MOST = float(np.finfo(np.float32).max)
BLOCK = (1 << 18) - 5  # numbers that are drawn at most: time and memory grow with them, and an odd period falls in step with no kernel
THREADED = 1 << 17  # elements from which kernels use threads
EDGES = (0.0, -0.0, 1.0, -1.0, MOST, -MOST, 2.0**-126, -(2.0**-126), 2.0**-101, 2.0**-102, 1e-300, -1e-300, 2.0**-149, 0.5, 2.0**127)
GREATEST = {"float16": 65504.0, "bfloat16": float.fromhex("0x1.fep127"), "float32": MOST, "float64": float(np.finfo(np.float64).max)}


def shape(rng, large, huge):
    """Up to seven axes: mostly some hundred elements, sometimes so many that threads share them or that they leave the cache, or none."""
    ndim = int(rng.choice(8, p=(0.05, 0.25, 0.25, 0.15, 0.1, 0.08, 0.07, 0.05)))
    turn, size = rng.random(), math.exp(rng.uniform(0, math.log(6000)))
    if turn < 0.02 and large > THREADED:
        size = rng.uniform(THREADED, large)
    elif turn > 0.999 and huge:
        size = rng.uniform(huge, 1.1 * huge)
    cuts = np.diff([0, *np.sort(rng.random(ndim - 1)), 1]) if ndim else []
    lengths = [max(1, round(size**share)) for share in cuts]
    for axis in range(ndim):
        turn = rng.random()
        lengths[axis] = 0 if turn < 0.01 else 1 if turn < 0.1 else lengths[axis]
    return tuple(lengths)


def bound(rng):
    """A number within float32 that is not a float32: of everyday size, of any size, or one of the edges."""
    turn = rng.random()
    if turn < 0.5:
        return float(rng.uniform(-1, 1))
    if turn < 0.75:
        return float(np.clip(rng.choice((-1, 1)) * 2.0 ** rng.uniform(-140, 128), -MOST, MOST))
    return float(rng.choice(EDGES))


def bounds(rng):
    """Two bounds in order: any, equal, a few floats of either width apart, beside a power of two, or the defaults."""
    turn, lower = rng.random(), bound(rng)
    if turn < 0.25:
        return 1 / 8, 1 / 3
    if turn < 0.75:
        upper = bound(rng)
    elif turn < 0.8:
        upper = lower
    elif turn < 0.9:
        with np.errstate(over="ignore"):
            width = float(abs(np.spacing(np.float32(lower) if rng.random() < 0.7 else lower)))
        upper = lower + float(rng.uniform(0, 5)) * width
    else:
        power = 2.0 ** int(rng.integers(-100, 127))
        lower, upper = power * float(rng.uniform(-1, 1)), power * (1 + int(rng.integers(-2, 3)) * 2.0 ** -int(rng.integers(20, 53)))
    lower, upper = sorted(float(np.clip(number, -MOST, MOST)) for number in (lower, upper))
    return lower, upper


def word(rng):
    """64 bits, or some beside a power of two."""
    if rng.random() < 0.5:
        return int(rng.integers(0, 2**64, dtype=np.uint64))
    return (2 ** int(rng.integers(0, 65)) + int(rng.integers(-2, 3))) % 2**64


def offset(rng, size):
    """An index from which an array begins, ends or passes by one of the places where counters carry."""
    if rng.random() < 0.3:
        return 0
    edge = int(rng.choice((0, 32, 33, 34, 35, 62, 63, 64)))
    return (2**edge if edge else 0) + int(rng.integers(-size - 5, 6)) if rng.random() < 0.8 else word(rng)


def indices(rng, shape):
    """The index of each element, in uint64: any 64 bits, or some that follow one another, some of them twice."""
    if rng.random() < 0.5:
        return rng.integers(0, 2**64, shape, dtype=np.uint64)
    size = math.prod(shape)
    return (np.uint64(word(rng)) + rng.integers(0, 2 * size + 1, shape, dtype=np.uint64)).reshape(shape)


def strides(rng, shape):
    """None, those of a larger array, or a step of its own for each axis: small, negative, zero, huge."""
    turn = rng.random()
    if turn < 0.3:
        return None
    if turn < 0.5:
        return c_order([length + int(rng.integers(0, 5)) for length in shape])
    if turn < 0.7:
        steps = c_order(shape)
        return tuple(int(rng.choice((1, 1, -1, 0, 3))) * step for step in steps)
    return tuple(
        int(rng.integers(-9, 10)) if rng.random() < 0.5 else int(rng.choice((-1, 1))) * word(rng) << int(rng.integers(0, 3)) for _ in shape
    )


def axes(rng, ndim):
    """None, or axes that share their slopes."""
    if ndim == 0 or rng.random() < 0.5:
        return None
    chosen = rng.permutation(ndim)[: int(rng.integers(0, ndim + 1))]
    named = tuple(int(axis) - ndim * int(rng.integers(0, 2)) for axis in chosen)
    return named[0] if len(named) == 1 and rng.random() < 0.5 else named


def numbers(rng, size, dtype):
    """Normal numbers of a dtype, zeros, infinities and NaN: of everyday size, or of any; many come again and again."""
    return np.resize(_numbers(rng, min(size, BLOCK), dtype), size)


def _numbers(rng, size, dtype):
    small, most = math.log2(LEAST_NORMAL[dtype]), math.log2(GREATEST[dtype])
    spread = rng.choice((3, 20, 5000))
    sizes = 2.0 ** rng.uniform(max(small, -spread), min(most, spread), size)
    special = rng.choice((0.0, -0.0, np.inf, -np.inf, np.nan, LEAST_NORMAL[dtype], -LEAST_NORMAL[dtype], GREATEST[dtype], 1.0, -1.0), size)
    rounded = to_host(np.where(rng.random(size) < rng.choice((0, 0.1, 0.5)), special, rng.choice((-1, 1), size) * sizes), dtype)
    return np.where(np.abs(rounded) < LEAST_NORMAL[dtype], rounded.dtype.type(0), rounded)
