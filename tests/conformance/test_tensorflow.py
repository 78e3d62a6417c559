"""The suite on TensorFlow: eager, and in graphs of any sizes."""

from types import SimpleNamespace

import pytest

import multirrelu

tf = pytest.importorskip("tensorflow")
suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
answers = pytest.importorskip("multirrelu_conformance.answers")


TestTensorFlow = suite.suite_for("tensorflow", *suite.EXACT)


def in_graph(function):
    """Return a function whose arrays are the arguments of a graph, which knows their sizes only where slopes are shared."""

    def call(*arrays, **options):
        count = next((at for at, given in enumerate(arrays) if not tf.is_tensor(given)), len(arrays))
        known = options.get("shared_axes") is not None
        sizes = [tf.TensorSpec(x.shape if known else [None] * x.shape.rank, x.dtype) for x in arrays[:count]]
        graph = tf.function(lambda *tensors: function(*tensors, *arrays[count:], **options), input_signature=sizes, autograph=False)
        return graph(*arrays[:count])

    return call


def pulled_back(x, g, *bounds, **options):
    return multirrelu.rrelu_vjp(x, *bounds, **options)[1](g)


def rrelu_vjp(x, *bounds, **options):
    return in_graph(multirrelu.rrelu)(x, *bounds, **options), lambda g: in_graph(pulled_back)(x, g, *bounds, **options)


class TestTensorFlowGraph(suite.suite_for("tensorflow", answers.KnownAnswers, suite.Gradients)):
    """Each call in a graph of its own."""

    test_known_words = None  # each of whose cases would be a hundred graphs
    test_pullback_keeps_its_key = test_pullback_keeps_the_key_of_no_rng = None  # each of whose two graphs would draw a key
    api = SimpleNamespace(
        **{name: in_graph(getattr(multirrelu, name)) for name in ("rrelu", "draw_slopes", "scale", "scale_at")},
        rrelu_vjp=rrelu_vjp,
        RReLU=multirrelu.RReLU,
        Slopes=multirrelu.Slopes,
    )
