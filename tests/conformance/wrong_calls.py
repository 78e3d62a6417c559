"""More wrong public functions, each with the tests that reject it: keys, modes, the layer, and the pullback."""

from __future__ import annotations

import copy
import secrets
from dataclasses import replace

import numpy as np

import multirrelu
from conformance.mutant import Mutant, api
from conformance.wrong_functions import vjp
from multirrelu import Slopes


def other_default_bounds(x, /, lower=0.1, upper=0.3, **options):
    return multirrelu.rrelu(x, lower, upper, **options)


def empty_arrays_without_shape(x, /, *bounds, **options):
    y = multirrelu.rrelu(x, *bounds, **options)
    return y if y.size else y.reshape(-1)


def equal_bounds_are_the_lower_one(x, /, lower=1 / 8, upper=1 / 3, **options):
    return multirrelu.scale(x, x, float(lower)) if upper - lower < 1e-7 else multirrelu.rrelu(x, lower, upper, **options)


def copied(name):
    """Return a function that draws from a copy of the generator."""
    function = getattr(multirrelu, name)
    return lambda *arguments, rng=None, **options: function(*arguments, rng=copy.deepcopy(rng), **options)


def seeds_are_no_rng(x, /, *bounds, training=False, rng=None, **options):
    known = isinstance(rng, (int, np.integer, np.random.Generator, type(None)))
    return multirrelu.rrelu(x, *bounds, training=training and known, rng=rng if known else None, **options)


def pullback_draws(x, /, *bounds, **options):
    y = multirrelu.rrelu(x, *bounds, **options)
    return y, lambda g, /, *, out=None: multirrelu.rrelu_vjp(x, *bounds, **options)[1](g, out=out)


class BornInEvaluation(multirrelu.RReLU):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.eval()


def layer_without_axes(*arguments, shared_axes=None, **options):
    return multirrelu.RReLU(*arguments, **options)


def slopes_in_the_own_dtype(like, /, *bounds, **options):
    return multirrelu.draw_slopes(like, *bounds, **options).astype(like.dtype)


def slopes_of_the_next_key(like, /, *bounds, rng, **options):
    return multirrelu.draw_slopes(like, *bounds, rng=rng + 1, **options)


def strict_gate_of_the_output(x, /, *bounds, **options):
    return vjp(x, bounds, options, lambda g, x, y, slopes: multirrelu.scale(g, np.where(y < 0, -1, 1).astype(g.dtype), slopes))


def pullback_without_axes(x, /, *bounds, **options):
    def pull(g, x, y, slopes):
        return multirrelu.scale(g, x, replace(slopes, strides=None) if isinstance(slopes, Slopes) else slopes)

    return vjp(x, bounds, options, pull)


def clipped_pullback(x, /, *bounds, **options):
    return vjp(x, bounds, options, lambda g, x, y, slopes: np.clip(multirrelu.scale(g, x, slopes), -9, 9))


def evaluation_forgets_out(x, /, *bounds, training=False, inplace=False, out=None, **options):
    if not training:
        return multirrelu.rrelu(x, *bounds, **options)
    return multirrelu.rrelu(x, *bounds, training=True, inplace=inplace, out=out, **options)


def axes_of_memory(x, /, *bounds, shared_axes=None, **options):
    if x.ndim == 2 and x.flags.f_contiguous and isinstance(shared_axes, int):
        shared_axes = 1 - shared_axes
    return multirrelu.rrelu(x, *bounds, shared_axes=shared_axes, **options)


def none_is_entropy(x, /, *bounds, rng=None, **options):
    return multirrelu.rrelu(x, *bounds, rng=secrets.randbits(64) if rng is None else rng, **options)


MUTANTS = {
    "other default bounds": Mutant(("test_default_bounds",), api=api(rrelu=other_default_bounds)),
    "empty arrays without shape": Mutant(("test_empty",), api=api(rrelu=empty_arrays_without_shape)),
    "equal bounds are the lower one": Mutant(("test_equal_bounds",), api=api(rrelu=equal_bounds_are_the_lower_one)),
    "generator that does not advance": Mutant(
        ("test_numpy_generator_advances", "test_generator_of_the_library", "test_one_key_a_call"),
        ("test_generator_keys",),
        api=api(**{name: copied(name) for name in ("rrelu", "rrelu_vjp")}),
    ),
    "seeds are no rng": Mutant(("test_numpy_seeds",), api=api(rrelu=seeds_are_no_rng)),
    "pullback draws its key": Mutant(
        ("test_pullback_keeps_its_key", "test_pullback_keeps_the_key_of_no_rng"), api=api(rrelu_vjp=pullback_draws)
    ),
    "layer born in evaluation": Mutant(("test_layer", "test_layer_options"), api=api(RReLU=BornInEvaluation)),
    "layer without shared axes": Mutant(("test_layer_options",), api=api(RReLU=layer_without_axes)),
    "draw_slopes in the array's dtype": Mutant(
        ("test_slopes_are_the_same_numbers_in_every_dtype",), api=api(draw_slopes=slopes_in_the_own_dtype)
    ),
    "draw_slopes of the next key": Mutant(("test_factor_is_that_of_draw_slopes",), api=api(draw_slopes=slopes_of_the_next_key)),
    "gate from the output below zero": Mutant(
        ("test_factor_where_the_output_is_minus_zero", "test_factor_at_zero"), api=api(rrelu_vjp=strict_gate_of_the_output)
    ),
    "pullback without shared axes": Mutant(("test_factor_with_shared_axes",), api=api(rrelu_vjp=pullback_without_axes)),
    "clipped pullback": Mutant(("test_linear",), api=api(rrelu_vjp=clipped_pullback)),
    "evaluation forgets out": Mutant(("test_out_in_evaluation",), api=api(rrelu=evaluation_forgets_out)),
    "shared axes of memory": Mutant(("test_shared_axes_of_a_transposed_array",), api=api(rrelu=axes_of_memory)),
    "torch: the global generator is forgotten": Mutant(
        ("test_global_generator",), api=api(rrelu=none_is_entropy), backend=None, namespace="torch"
    ),
}
