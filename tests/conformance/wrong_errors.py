"""Wrong public functions for NumPy that take what must be refused, each after some habit of array libraries; and wrong declarations."""

from __future__ import annotations

import numpy as np
import pytest

import multirrelu
from conformance.mutant import Mutant, api
from multirrelu import Slopes


def coerced(x):
    """Return a floating-point array of anything that NumPy takes for one."""
    array = x if isinstance(x, np.ndarray) else np.asarray(x)
    return array.real.astype(np.float32) if array.dtype.kind in "biuc" else array


def anything_is_an_array(name):
    function = getattr(multirrelu, name)

    def wrong(x, /, *rest, **options):
        if name == "scale":
            x, rest = coerced(x), (coerced(rest[0]), *rest[1:])
        return function(coerced(x), *rest, **options)

    return wrong


def written_anyhow(result, out):
    """Write a result as assignment does, with its conversions; where it may not, make it so that it may."""
    if out is None:
        return result
    if not out.flags.writeable and out.base is None:
        out.flags.writeable = True
    out[...] = result
    return out


def rrelu_writes_anyhow(x, /, *bounds, inplace=False, out=None, **options):
    return written_anyhow(multirrelu.rrelu(x, *bounds, **options), x if inplace else out)


def scale_writes_anyhow(values, gate, slopes, /, *, out=None):
    return written_anyhow(multirrelu.scale(values, gate, slopes), out)


def vjp_writes_anyhow(x, /, *bounds, inplace=False, out=None, **options):
    y, pullback = multirrelu.rrelu_vjp(x, *bounds, **options)
    return written_anyhow(y, x if inplace else out), lambda g, /, *, out=None: written_anyhow(pullback(g), out)


def foreign_out_is_forgotten(x, /, *bounds, out=None, **options):
    return multirrelu.rrelu(x, *bounds, out=out if isinstance(out, (np.ndarray, list)) else None, **options)


def gate_is_broadcast(values, gate, slopes, /, *, out=None):
    gate = np.resize(np.asarray(gate, dtype=values.dtype), values.shape)
    return multirrelu.scale(values, gate, slopes, out=out)


def cotangent_is_broadcast(x, /, *bounds, **options):
    y, pullback = multirrelu.rrelu_vjp(x, *bounds, **options)
    return y, lambda g, /, *, out=None: pullback(np.resize(np.asarray(g, dtype=y.dtype), y.shape), out=out)


def as_key(rng):
    """Return an int of anything."""
    if rng is None or isinstance(rng, np.random.Generator):
        return rng
    return int(rng) % 2**64 if isinstance(rng, (int, float, np.number)) else hash(rng) % 2**64


def any_rng_is_an_int(name):
    function = getattr(multirrelu, name)
    return lambda *arguments, rng=None, **options: function(*arguments, rng=as_key(rng), **options)


def slopes_of_anything(values, gate, slopes, /, *, out=None):
    if isinstance(slopes, Slopes):
        slopes = Slopes(slopes.lower, slopes.upper, slopes.key, slopes.offset)
    else:
        slopes = float(np.clip(np.nan_to_num(float(slopes or 0)), -1, 1))
    return multirrelu.scale(values, gate, slopes, out=out)


def slopes_are_a_record(lower=0.0, upper=1.0, key=0, offset=0, strides=None):
    return (lower, upper, key, offset, strides)


def bounds_are_checked_late(*arguments, **options):
    return (arguments, options)


def indices_of_anything(values, gate, index, slopes, /):
    index = np.resize(np.asarray(index).astype(np.int64), values.shape)
    if isinstance(slopes, Slopes):
        slopes = Slopes(slopes.lower, slopes.upper, slopes.key, slopes.offset)
    else:
        slopes = float(np.nan_to_num(float(slopes or 0)))
    return multirrelu.scale_at(values, np.resize(gate, values.shape), index, slopes)


def out_elsewhere_is_forgotten(x, /, *bounds, out=None, **options):
    return multirrelu.rrelu(x, *bounds, out=out if out is None or out.device == x.device else None, **options)


def gate_elsewhere_is_forgotten(values, gate, slopes, /, *, out=None):
    return multirrelu.scale(values, gate if gate.device == values.device else values, slopes, out=out)


def immutable_arrays_are_made_anew(x, /, *bounds, inplace=False, out=None, **options):
    return multirrelu.rrelu(x, *bounds, **options)


def none_is_key_zero(x, /, *bounds, rng=None, **options):
    return multirrelu.rrelu(x, *bounds, rng=0 if rng is None else rng, **options)


@pytest.fixture(autouse=True)
def nothing_is_registered(self):
    return


ANYHOW = api(rrelu=rrelu_writes_anyhow, scale=scale_writes_anyhow, rrelu_vjp=vjp_writes_anyhow)
EVERY = ("rrelu", "rrelu_vjp", "draw_slopes")

MUTANTS = {
    "anything is an array": Mutant(
        ("test_bad_dtypes", "test_no_array"), api=api(**{name: anything_is_an_array(name) for name in (*EVERY, "scale")})
    ),
    "results are written anyhow": Mutant(
        (
            *("test_bad_out", "test_bad_out_read_only", "test_inplace_and_out", "test_overlap_in_part", "test_out_overlaps_itself"),
            "test_pullback_out_overlaps_what_is_kept",
        ),
        api=ANYHOW,
    ),
    "arrays of other libraries are converted": Mutant(
        ("test_another_library",), api=api(rrelu=foreign_out_is_forgotten, scale=gate_is_broadcast)
    ),
    "gate is broadcast": Mutant(("test_bad_gate",), api=api(scale=gate_is_broadcast)),
    "cotangent is broadcast": Mutant(("test_bad_cotangent",), api=api(rrelu_vjp=cotangent_is_broadcast)),
    "any rng is an int": Mutant(("test_bad_rng",), api=api(**{name: any_rng_is_an_int(name) for name in (*EVERY, "RReLU")})),
    "any slopes are a float": Mutant(("test_bad_slopes_of_scale",), api=api(scale=slopes_of_anything)),
    "slopes are checked late": Mutant(
        ("test_bad_slopes", "test_bad_bounds_of_the_layer_and_of_slopes"),
        api=api(Slopes=slopes_are_a_record, RReLU=bounds_are_checked_late),
    ),
    "any index is one of int64": Mutant(("test_bad_index",), api=api(scale_at=indices_of_anything)),
    "what is there is declared to be lacking": Mutant(
        (
            *("test_missing_dtype_is_missing", "test_missing_writing_is_missing", "test_missing_negative_strides_are_missing"),
            "test_missing_scale_at_is_missing",
        ),
        suite={"lacks": dict.fromkeys(("float16", "writing", "negative_strides", "scale_at"), "laziness")},
    ),
    "torch: devices are mixed": Mutant(
        ("test_another_device",),
        api=api(rrelu=out_elsewhere_is_forgotten, scale=gate_elsewhere_is_forgotten),
        backend=None,
        namespace="torch",
    ),
    "jax.numpy: immutable arrays are made anew": Mutant(
        ("test_immutable",), api=api(rrelu=immutable_arrays_are_made_anew), backend=None, namespace="jax.numpy"
    ),
    "jax.numpy: no rng is key 0": Mutant(
        ("test_default_rng_is_missing",), api=api(rrelu=none_is_key_zero), backend=None, namespace="jax.numpy"
    ),
    "backend is not registered": Mutant(
        ("test_backend_under_test_serves_the_namespace",),
        backend=lambda *arguments, **options: None,
        suite={"_under_test": nothing_is_registered},
    ),
}
