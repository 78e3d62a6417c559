"""Wrong backends for NumPy: whole ones, and wrong steps for `seams.backend`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.seams import index_of, product_of, slope_of
from multirrelu import Slopes, agnostic, stream
from multirrelu.bounds import lattice

# Words


def seed_ignored(values, gate, slopes, /, *, out=None):
    slopes = replace(slopes, key=0) if isinstance(slopes, Slopes) else slopes
    return agnostic.scale(values, gate, slopes, out=out)


def lanes_swapped(slopes, values):
    return index_of(slopes, values) ^ 1


def high_word_of_counter_dropped(slopes, values):
    return index_of(slopes, values) & (2**34 - 1)


def index_of_32_bits(slopes, values):
    return index_of(slopes, values) & (2**32 - 1)


def repeated_every(period):
    return lambda slopes, values: index_of(slopes, values) % period


def in_memory_order(slopes, values):
    order = np.argsort([-abs(step) for step in values.strides], kind="stable")
    index = np.empty(values.shape, dtype=np.int64)
    index.transpose(order)[...] = np.arange(values.size).reshape([values.shape[axis] for axis in order])
    return index if slopes.strides is None and slopes.offset == 0 else index_of(slopes, values)


def rows_start_a_new_block(slopes, values):
    index = index_of(slopes, values)
    if values.ndim < 2 or slopes.strides is not None:
        return index
    width = -(-values.shape[-1] // 4) * 4
    return (index // values.shape[-1] * width + index % values.shape[-1]) if values.shape[-1] else index


def seven_rounds(xp, key, index):
    before, stream.ROUNDS = stream.ROUNDS, 7
    try:
        return stream.words(xp, key, index)
    finally:
        stream.ROUNDS = before


def low_bits_dropped(xp, key, index):
    return stream.words(xp, key, index) & ~0xFF


# Slopes


def one_slope(slopes, values):
    return replace(slopes, strides=(0,) * values.ndim)


def half_the_interval(slopes, values):
    middle = 0.5 * slopes.lower + 0.5 * slopes.upper
    return replace(slopes, upper=middle) if lattice(slopes.lower, middle) else slopes


def upper_end_left_out(word, slopes):
    points = lattice(slopes.lower, slopes.upper)
    return (points.low + ((word * (points.span - 1)) >> 32)) * points.unit


def one_point_up(word, slopes):
    return slope_of(word, slopes) + lattice(slopes.lower, slopes.upper).unit


def points_counted_in_float32(word, slopes):
    """Count the points from the lower bound, which is up to 2**25 of them and one too many bits, and add the bound afterwards."""
    points = lattice(slopes.lower, slopes.upper)
    return (((word * points.span) >> 32).astype(np.float32) + points.low) * points.unit


def floating_point_slope(word, slopes):
    with np.errstate(over="ignore"):
        return np.float32(slopes.lower) + np.float32(slopes.upper - slopes.lower) * (word / 2**32).astype(np.float32)


def squared(word, slopes):
    return slopes.lower + (slopes.upper - slopes.lower) * (word / 2**32) ** 2


def from_nothing(xp, key, index):
    return np.random.default_rng().integers(0, 2**32, index.shape)


# Products


def slope_rounded_first(values, slope, wide):
    return values * slope.astype(values.dtype)


def in_the_own_dtype(values, slope, wide):
    return (values.astype(np.float64) * slope).astype(values.dtype)


def all_in_float32(values, slope, wide):
    return product_of(values, slope, np.float32)


def fast_math(values, slope, wide):
    """Distribute the product over the slope's sum of two terms, as a compiler may that takes sums to be associative."""
    x, low = values.astype(wide), wide(1 / 8)
    return (x * low + x * (slope.astype(wide) - low)).astype(values.dtype)


def truncated(values, slope, wide):
    y = product_of(values, slope, wide)
    return np.nextafter(y, np.zeros_like(y)) if values.dtype != np.float64 else y


# Gates


def strict(gate, values):
    return gate < 0


def by_sign_bit(gate, values):
    return np.signbit(gate)


def by_values(gate, values):
    return values <= 0


def not_positive(gate, values):
    return ~(gate > 0)


def nan_to_zero(values):
    return np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)


# Writing


def out_ignored(result, values, gate, out):
    return result if out is None else out


def out_not_returned(result, values, gate, out):
    if out is not None:
        out[...] = result
    return result


def input_overwritten(result, values, gate, out):
    if values.flags.writeable and values.size > 1 and not np.may_share_memory(values, gate[:0]):
        values[...] = result
    if out is None:
        return result
    out[...] = result
    return out


def tail_not_written(result, values, gate, out):
    flat, source = result.reshape(-1), np.array(values).reshape(-1)
    full = flat.size // 64 * 64
    whole = np.concatenate([flat[:full], source[full:]]).reshape(result.shape)
    if out is None:
        return whole
    out[...] = whole
    return out


def written_before_the_gate_is_read(values, gate, slopes, /, *, out=None):
    if out is None:
        return agnostic.scale(values, gate, slopes)
    out[...] = values
    out[...] = agnostic.scale(out, gate, slopes)
    return out


def wrong_dtype(values, gate, slopes, /, *, out=None):
    y = agnostic.scale(values, gate, slopes, out=out)
    return y if out is not None or values.dtype != np.float16 else y.astype(np.float32)
