"""The suite on JAX: eager with 64-bit numbers switched on and off, and compiled, with a key that is traced."""

from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import multirrelu
from multirrelu.keys import source_of

jax = pytest.importorskip("jax")
suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
answers, layouts = (pytest.importorskip(f"multirrelu_conformance.{module}") for module in ("answers", "layouts"))


class TestJax(suite.suite_for("jax.numpy", *suite.EXACT)):
    @pytest.mark.parametrize("layout", layouts.LAYOUTS)
    def test_dtypes_and_layouts(self, layout):
        super().test_dtypes_and_layouts("float32", layout)  # views are copies here, so that one dtype is enough


class Narrow:
    """With jax_enable_x64 as it is by default, off."""

    lacks = {  # noqa: RUF012
        "float64": "jax_enable_x64 is off",
        "float16": "TestJax has it, and bfloat16 is as narrow",
        "shifts": "jax_enable_x64 is off, which the standard functions need",
    }

    def context(self):
        return nullcontext()

    def from_numpy(self, array):
        with jax.enable_x64(array.dtype.kind != "f"):  # keys of 64 bits can be had nevertheless
            return super().from_numpy(array)


class TestJaxNarrow(Narrow, suite.suite_for("jax.numpy", answers.KnownAnswers)):
    pass


@cache
def compiled(name, bounds, options):
    return jax.jit(lambda key, *arrays: getattr(multirrelu, name)(*arrays, *bounds, rng=key, **dict(options)))


@cache
def compiled_pullback(bounds, options):
    return jax.jit(lambda key, x, g: multirrelu.rrelu_vjp(x, *bounds, rng=key, **dict(options))[1](g))


def traced(rng):
    """Return the JAX key of the key that an rng gives, for a program to take as its argument."""
    key = (source_of(rng) or (lambda: 0))()
    return jax.random.wrap_key_data(np.array([key >> 32, key % 2**32], dtype=np.uint32))


def call(name):
    return lambda x, *bounds, rng, **options: compiled(name, bounds, tuple(options.items()))(traced(rng), x)


def rrelu(x, *bounds, training=False, rng=None, **options):
    return call("rrelu")(x, *bounds, training=training, rng=rng if training else 0, **options)


def rrelu_vjp(x, *bounds, training=False, rng=None, **options):
    options = tuple({"training": training, **options}.items())
    key = traced(rng if training else 0)  # once, though there are two programs
    return compiled("rrelu", bounds, options)(key, x), lambda g: compiled_pullback(bounds, options)(key, x, g)


class TestJaxCompiled(Narrow, suite.suite_for("jax.numpy", answers.KnownAnswers, suite.Gradients)):
    """Within `jax.jit`, where x and the key are tracers."""

    # Each of their cases would be several programs, and what they ask is asked by others here.
    test_known_words = test_factor_is_the_slope_drawn = None
    api = SimpleNamespace(
        rrelu=rrelu,
        rrelu_vjp=rrelu_vjp,
        draw_slopes=call("draw_slopes"),
        scale=lambda values, gate, slopes: jax.jit(lambda v, g: multirrelu.scale(v, g, slopes))(values, gate),
        scale_at=lambda values, gate, index, slopes: jax.jit(lambda v, g, i: multirrelu.scale_at(v, g, i, slopes))(values, gate, index),
        RReLU=multirrelu.RReLU,
        Slopes=multirrelu.Slopes,
    )
