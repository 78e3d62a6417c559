"""Wrong public functions, for defects that lie in what surrounds a backend."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

import multirrelu
from multirrelu import Slopes
from multirrelu.checks import shared_strides

OF_THE_PULLBACK = (
    *("test_factor_is_the_slope_drawn", "test_factor_at_zero", "test_factor_after_inplace", "test_factor_with_shared_axes"),
    *("test_factor_where_the_output_is_minus_zero", "test_finite_differences", "test_linear", "test_cotangent", "test_pullback_out"),
)
"""The tests that `vjp`, which checks nothing, passes with a right pullback."""


def right_vjp(x, /, *bounds, **options):
    return vjp(x, bounds, options, lambda g, x, y, slopes: multirrelu.scale(g, x, slopes))


def bounds_swapped_silently(x, /, lower=1 / 8, upper=1 / 3, **options):
    return multirrelu.rrelu(x, min(lower, upper), max(lower, upper), **options)


def evaluation_in_float32(x, /, lower=1 / 8, upper=1 / 3, *, training=False, **options):
    if training:
        return multirrelu.rrelu(x, lower, upper, training=True, **options)
    return multirrelu.scale(x, x, float(np.float32(0.5) * np.float32(lower) + np.float32(0.5) * np.float32(upper)))


def evaluation_is_the_geometric_mean(x, /, lower=1 / 8, upper=1 / 3, *, training=False, **options):
    if training or lower <= 0:
        return multirrelu.rrelu(x, lower, upper, training=training, **options)
    return multirrelu.scale(x, x, math.sqrt(lower * upper))


def evaluation_draws_a_key(x, /, *bounds, training=False, rng=None, **options):
    if not training and isinstance(rng, np.random.Generator):
        rng.integers(0, 1 << 64, dtype=np.uint64)
    return multirrelu.rrelu(x, *bounds, training=training, rng=rng, **options)


def no_key_for_equal_bounds(x, /, lower=1 / 8, upper=1 / 3, *, training=False, **options):
    return multirrelu.rrelu(x, lower, upper, training=training and lower != upper, **options)


def no_key_for_positive_data(x, /, *bounds, training=False, **options):
    return multirrelu.rrelu(x, *bounds, training=training and bool((x <= 0).any()), **options)


def none_is_key_zero(x, /, *bounds, rng=None, **options):
    return multirrelu.rrelu(x, *bounds, rng=0 if rng is None else rng, **options)


def shared_axes_count_all_elements(x, /, lower=1 / 8, upper=1 / 3, *, training=False, rng=None, shared_axes=None, **options):
    if not training or shared_axes is None:
        return multirrelu.rrelu(x, lower, upper, training=training, rng=rng, **options)
    axes = {axis % x.ndim for axis in (shared_axes if isinstance(shared_axes, tuple) else (shared_axes,))}
    strides = [0 if axis in axes else math.prod(x.shape[axis + 1 :]) for axis in range(x.ndim)]
    return multirrelu.scale(x, x, Slopes(lower, upper, rng, strides=strides))


def writes_before_it_checks(x, /, lower=1 / 8, upper=1 / 3, *, out=None, **options):
    if out is not None and getattr(out, "shape", None) == x.shape and out.dtype == x.dtype:
        out[...] = x
    return multirrelu.rrelu(x, lower, upper, out=out, **options)


def draws_before_it_checks(x, /, *bounds, training=False, rng=None, **options):
    key = int(rng.integers(0, 1 << 64, dtype=np.uint64)) if training and isinstance(rng, np.random.Generator) else rng
    return multirrelu.rrelu(x, *bounds, training=training, rng=key, **options)


def vjp(x, bounds, options, pull):
    """Return a right forward pass with the pullback `pull(g, x, y, slopes)`."""
    lower, upper = bounds or (1 / 8, 1 / 3)
    before, rng = np.array(x), options.get("rng")
    y = multirrelu.rrelu(x, lower, upper, **options)
    drawn = options.get("training") and lower < upper and isinstance(rng, int)
    axes = options.get("shared_axes")
    strides = None if axes is None else shared_strides(x.shape, axes)
    slopes = Slopes(lower, upper, rng, strides=strides) if drawn else 0.5 * lower + 0.5 * upper

    def pullback(g, /, *, out=None):
        result = pull(g, before, y, slopes)
        if out is None:
            return result
        out[...] = result
        return out

    return y, pullback


def input_forgotten_under_another_name(x, /, *bounds, out=None, **options):
    if out is None or out is x:
        return multirrelu.rrelu_vjp(x, *bounds, out=out, **options)
    y, pullback = multirrelu.rrelu_vjp(x.copy(), *bounds, **options)
    if np.shares_memory(out, x) and (bounds or (1 / 8,))[0] < 0:
        _, pullback = multirrelu.rrelu_vjp(y.copy(), *bounds, **options)
    out[...] = y
    return out, pullback


def pullback_ignores_out(x, /, *bounds, **options):
    y, pullback = multirrelu.rrelu_vjp(x, *bounds, **options)
    return y, lambda g, /, *, out=None: pullback(g)


def gradient_drawn_afresh(x, /, *bounds, **options):
    def pull(g, x, y, slopes):
        slopes = replace(slopes, key=slopes.key + 1) if isinstance(slopes, Slopes) else slopes
        return multirrelu.scale(g, x, slopes)

    return vjp(x, bounds, options, pull)


def gate_from_the_sign_bit_of_the_output(x, /, *bounds, **options):
    def pull(g, x, y, slopes):
        return multirrelu.scale(g, np.where(np.signbit(y), -1, 1).astype(g.dtype), slopes)

    return vjp(x, bounds, options, pull)


def gate_from_the_output_always(x, /, *bounds, **options):
    return vjp(x, bounds, options, lambda g, x, y, slopes: multirrelu.scale(g, y, slopes))


def gate_from_the_cotangent(x, /, *bounds, **options):
    return vjp(x, bounds, options, lambda g, x, y, slopes: multirrelu.scale(g, g, slopes))


def gradient_of_evaluation(x, /, *bounds, **options):
    lower, upper = bounds or (1 / 8, 1 / 3)
    return vjp(x, bounds, options, lambda g, x, y, slopes: multirrelu.scale(g, x, 0.5 * lower + 0.5 * upper))
