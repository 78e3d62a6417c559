"""A backend for NumPy in small steps, each of which a mutant can replace by a wrong one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from multirrelu import Slopes, stream
from multirrelu.bounds import lattice


def wide_of(values):
    return np.float64 if values.dtype == np.float64 else np.float32


def key_of(key):
    return int(key) % 2**64


def index_of(slopes, values):
    return np.broadcast_to(stream.indices(np, values.shape, slopes, "cpu"), values.shape)


def slope_of(word, slopes):
    points = lattice(slopes.lower, slopes.upper)
    return (points.low + ((word * points.span) >> 32)) * points.unit


def is_scaled(gate, values):
    return gate <= 0


def product_of(values, slope, wide):
    return (values.astype(wide) * slope.astype(wide)).astype(values.dtype)


def kept(values):
    return values


def write(result, values, gate, out):
    if out is None:
        return result
    out[...] = result
    return out


def backend(**wrong):
    """Return a right `scale`, but for the steps that are given."""
    step = {
        "slopes": lambda slopes, values: slopes,
        "key": key_of,
        "index": index_of,
        "word": stream.words,
        "slope": slope_of,
        "constant": lambda slope: slope,
        "is_scaled": is_scaled,
        "product": product_of,
        "kept": kept,
        "write": write,
        **wrong,
    }

    def scale(values, gate, slopes, /, *, out=None):
        if isinstance(slopes, Slopes):
            slopes = step["slopes"](slopes, values)
            word = step["word"](np, step["key"](slopes.key), step["index"](slopes, values))
            slope = np.asarray(step["slope"](word, slopes))
        else:
            slope = np.full(values.shape, step["constant"](slopes))
        with np.errstate(all="ignore"):  # products of elements that keep their value are thrown away
            scaled = step["product"](values, slope, wide_of(values))
        result = np.where(step["is_scaled"](gate, values), scaled, step["kept"](values))
        return step["write"](result, values, gate, out)

    return scale


def changed(**fields):
    """Return a step that changes fields of the slopes."""
    return lambda slopes, values: replace(slopes, **fields)
