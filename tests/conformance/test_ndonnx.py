"""The suite on ndonnx: on constants, and in graphs whose sizes and key are known only when onnxruntime runs them."""

from functools import lru_cache

import pytest

suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
ndx = pytest.importorskip("ndonnx")
ort = pytest.importorskip("onnxruntime")

import numpy as np  # noqa: E402

from multirrelu import Backend, Slopes  # noqa: E402
from multirrelu_backends.ndonnx import backend  # noqa: E402


@lru_cache(maxsize=1024)
def graph(function, shape, dtypes, slopes):
    """Return a session of a graph with inputs of unknown sizes but those of one element, and a key as another input."""
    inputs = {
        f"x{k}": ndx.argument(shape=tuple(1 if n == 1 else f"N{axis}" for axis, n in enumerate(shape)), dtype=of)
        for k, of in enumerate(dtypes)
    }
    key = {"key": ndx.argument(shape=(), dtype=ndx.uint64)} if isinstance(slopes, Slopes) else {}
    result = function(*inputs.values(), slopes.keyed(key["key"]) if key else slopes)
    return ort.InferenceSession(ndx.build(inputs | key, {"result": result}).SerializeToString())


def in_a_graph(function):
    """Return a function that computes what another one does of constants in a graph."""

    def run(*arguments, out=None):
        *arrays, slopes = arguments
        numbers = [array.unwrap_numpy() for array in arrays]
        feed = {f"x{k}": array for k, array in enumerate(numbers)}
        if isinstance(slopes, Slopes):
            key = slopes.key if isinstance(slopes.key, int) else slopes.key.unwrap_numpy()
            feed["key"] = np.asarray(key).astype(np.uint64)
            slopes = slopes.keyed(0)
        shape = tuple(min(n, 2) for n in numbers[0].shape)
        (result,) = graph(function, shape, tuple(array.dtype for array in arrays), slopes).run(None, feed)
        return ndx.asarray(result)

    return run


GRAPHS = Backend(
    **{name: in_a_graph(getattr(backend, name)) for name in ("scale", "scale_at", "draw")},
    **{name: getattr(backend, name) for name in ("namespace", "writeable", "memory", "default_key")},
)
WORDS = {"shifts": "the words of the backend are tested in its slopes; those of int64 take twelve operators a shift"}


class TestConstants(suite.suite_for("ndonnx", *suite.EXACT)):
    lacks = WORDS


class TestGraphs(suite.suite_for("ndonnx", suite.Agreement, suite.Gradients, backend=GRAPHS)):
    lacks = WORDS
    sizes = (0, 1, 3, 130)
    # Offsets by the hundred, each of which is another graph: others try some.
    test_known_words = test_scale_at_one_place_is_scale = test_chunks_are_the_whole = None
