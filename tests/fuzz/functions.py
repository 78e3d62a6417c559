"""The public functions, each called with what a case draws and compared with the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import multirrelu
from fuzz import draws, reference
from fuzz.trial import Host, Operand, Trial
from multirrelu.dtypes import compute_type

TARGETS = ("new", "itself", "twin", "woven")


def scale(trial: Trial) -> None:
    """`scale` with slopes at any indices, or with one constant, of values and a gate that may be one array."""
    out = trial.target(*TARGETS, "gate")
    values, to = trial.pair(out)
    gate = values if out != "gate" and trial.rng.random() < 0.3 else trial.operand(written=out == "gate")
    to = gate if out == "gate" else to
    slopes, factors = draw_at(trial) if trial.rng.random() < 0.85 else [draws.bound(trial.rng)] * 2
    trial.say(constant=slopes if isinstance(slopes, float) else None, one=gate is values)
    y = multirrelu.scale(values.array, gate.array, slopes, out=None if to is None else to.array)
    trial.check(y, *trial.scaled(values.host, gate.host, factors), values.array.dtype, to)


def scale_at(trial: Trial) -> None:
    """`scale_at` with slopes of elements at any indices, in any order, or with one constant."""
    values = trial.operand()
    gate = values if trial.rng.random() < 0.3 else trial.operand()
    offset, index = draws.offset(trial.rng, values.host.size), draws.indices(trial.rng, trial.shape)
    if trial.rng.random() < 0.85:
        key, given = trial.key("array")
        factors = reference.slopes(key, index + np.uint64(offset % 2**64), *trial.bounds)
        slopes = multirrelu.Slopes(*trial.bounds, given, offset)
    else:
        slopes = factors = draws.bound(trial.rng)
    trial.say(offset=offset, constant=slopes if isinstance(slopes, float) else None, one=gate is values)
    y = multirrelu.scale_at(values.array, gate.array, trial.library.indices(index.view(np.int64), values.array), slopes)
    trial.check(y, *trial.scaled(values.host, gate.host, factors), values.array.dtype)


def draw_at(trial: Trial) -> tuple[multirrelu.Slopes, Host]:
    """Slopes at any indices."""
    key, given = trial.key("array")
    offset, strides = draws.offset(trial.rng, int(np.prod(trial.shape, dtype=np.int64))), draws.strides(trial.rng, trial.shape)
    trial.say(offset=offset, strides=strides)
    index = reference.indices(trial.shape, offset, reference.c_order(trial.shape) if strides is None else strides)
    return multirrelu.Slopes(*trial.bounds, given, offset, strides), reference.slopes(key, index, *trial.bounds)


def draw(trial: Trial) -> tuple[dict[str, Any], Host]:
    """Options of the public functions, and the slopes that they mean."""
    key, given = trial.key("generator", "array")
    axes = draws.axes(trial.rng, len(trial.shape))
    trial.say(shared_axes=axes)
    strides = reference.c_order(trial.shape, (axes,) if isinstance(axes, int) else axes or ())
    return {"rng": given, "shared_axes": axes}, reference.slopes(key, reference.indices(trial.shape, 0, strides), *trial.bounds)


def activation(trial: Trial) -> tuple[Operand, Operand | None, dict[str, Any], Any]:
    """What `rrelu` and `rrelu_vjp` are called with: x, the target, options, and the slopes that they mean."""
    out = trial.target(*TARGETS, "inplace")
    x, to = trial.pair(out)
    options, factors = draw(trial)
    options["training"] = training = trial.rng.random() < 0.75
    trial.say(training=training)
    options |= {"inplace": True} if out == "inplace" else {"out": None if to is None else to.array}
    return x, to, options, factors if training else reference.constant(*trial.bounds)


def rrelu(trial: Trial) -> None:
    """`rrelu` in training and evaluation."""
    x, to, options, factors = activation(trial)
    y = multirrelu.rrelu(x.array, *trial.bounds, **options)
    trial.check(y, *trial.scaled(x.host, x.host, factors), x.array.dtype, to)


def rrelu_vjp(trial: Trial) -> None:
    """`rrelu_vjp`, and its pullback once or twice."""
    x, to, options, factors = activation(trial)
    gate = x.host.copy()
    y, pullback = multirrelu.rrelu_vjp(x.array, *trial.bounds, **options)
    trial.check(y, *trial.scaled(gate, gate, factors), x.array.dtype, to)
    for _ in range(trial.one_of(1, 1, 2)):
        g, to = trial.pair(trial.target(*TARGETS))
        gradient = pullback(g.array, out=None if to is None else to.array)
        trial.check(gradient, *pulled(trial, g.host, gate, factors), g.array.dtype, to)


def pulled(trial: Trial, g: Host, x: Host, factors: Any) -> tuple[Host, Host]:
    """What must become of a cotangent; where -inf has met a slope of zero, the output is NaN, and as a gate tells nothing of x."""
    expected, promised = trial.scaled(g, x, factors)
    return expected, promised & ~((x == -np.inf) & (np.asarray(factors) == 0))


def draw_slopes(trial: Trial) -> None:
    """`draw_slopes`, whatever the values and the layout of its argument."""
    like = trial.operand()
    options, factors = draw(trial)
    slopes = multirrelu.draw_slopes(like.array, *trial.bounds, **options)
    wide = compute_type(trial.library.xp, like.array.dtype)
    trial.dtype = "float64" if trial.dtype == "float64" else "float32"
    ones = np.ones(trial.shape, trial.dtype)
    trial.check(slopes, *trial.scaled(ones, -ones, factors), wide)


def gradient(trial: Trial) -> None:
    """The gradient of `rrelu` by the library's own differentiation."""
    x, g = trial.operand(), trial.operand()
    options, factors = draw(trial)
    xp = trial.library.xp
    found = trial.library.gradient(lambda v: xp.sum(multirrelu.rrelu(v, *trial.bounds, training=True, **options) * g.array), x.array)
    trial.check(found, *pulled(trial, g.host, x.host, factors), x.array.dtype)


FUNCTIONS = {scale: 8, rrelu: 6, rrelu_vjp: 4, draw_slopes: 2, gradient: 2, scale_at: 2}
"""Each function and how often it is called."""


def function(trial: Trial) -> Callable[[Trial], None]:
    """One of the functions that the library can be asked for."""
    missing = {gradient: not trial.library.has("autograd"), scale_at: not hasattr(multirrelu, "scale_at")}
    able = [one for one, often in FUNCTIONS.items() for _ in range(often) if not missing.get(one)]
    chosen: Callable[[Trial], None] = trial.one_of(*able)
    return chosen
