"""ndonnx's arrays: graphs of unknown sizes, whose key is an input, run by onnxruntime with the bits of NumPy."""

from __future__ import annotations

from collections import Counter

import pytest

from multirrelu import Slopes, backend_for, draw_slopes, rrelu, rrelu_vjp, scale, scale_at

np = pytest.importorskip("numpy")
ndx = pytest.importorskip("ndonnx")
ort = pytest.importorskip("onnxruntime")

KEY = 2**64 - 5
SIZES = {
    "known": ((5, 3), (5, 3)),
    "rows": ((5, 3), ("N", 3)),
    "all": ((5, 3), ("N", "M")),
    "one row": ((1, 4), ("N", 4)),
    "one column": ((4, 1), ("N", 1)),
    "one between": ((2, 1, 3), ("N", 1, "M")),
    "no axis": ((), ()),
    "no row": ((0, 3), ("N", 3)),
    "no column": ((3, 0), ("N", "M")),
}
DTYPES = ["float16", "float32", "float64"]


def numbers(shape=(5, 3), dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def argument(shape=("N", 3), dtype="float32"):
    return ndx.argument(shape=shape, dtype=getattr(ndx, dtype))


def run(result, **inputs):
    """Return what onnxruntime makes of a graph; each input is an argument and its value."""
    model = ndx.build({name: array for name, (array, _) in inputs.items()}, {"result": result})
    feed = {name: np.asarray(value) for name, (_, value) in inputs.items()}
    return ort.InferenceSession(model.SerializeToString()).run(None, feed)[0]


def equal(one, other):
    other = np.asarray(other)
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    assert one.tobytes() == other.tobytes()


def test_backend_is_registered():
    assert backend_for(argument()).scale.__module__ == "multirrelu_backends.ndonnx"


def test_report():
    from multirrelu.cli import report

    row = report.row("ndonnx")
    assert (row.path, row.answers, row.version) == ("multirrelu_backends.ndonnx", report.HOLD, ndx.__version__)
    assert row.why == "ONNX operators, all four words of each block; constants by NumPy's backend"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_both_passes_with_the_key_as_an_input(sizes, dtype):
    shape, unknown = SIZES[sizes]
    h, g, key = numbers(shape, dtype), numbers(shape, dtype, seed=1), ndx.argument(shape=(), dtype=ndx.int64)
    x, cotangent = argument(unknown, dtype), argument(unknown, dtype)
    y, pullback = rrelu_vjp(x, training=True, rng=key)
    expected, back = rrelu_vjp(h, training=True, rng=KEY)
    given = {"x": (x, h), "key": (key, KEY - 2**64)}
    equal(run(y, **given), expected)
    equal(run(pullback(cotangent), g=(cotangent, g), **given), back(g))
    equal(run(draw_slopes(x, rng=key), **given), draw_slopes(h, rng=KEY))
    equal(run(rrelu(x), x=(x, h)), rrelu(h))


PLACES = [
    Slopes(-0.3, 0.7, 0),
    Slopes(0.1, 0.3, 0, offset=2**64 - 6),
    Slopes(0.1, 0.3, 0, 2**34 + 3, (0, 1)),
    Slopes(0.1, 0.3, 0, 2**64 - 3, (-(2**40), 2**63)),
]


@pytest.mark.parametrize("kind", ["int64", "uint64", "int"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.offset}-{place.strides}")
@pytest.mark.parametrize("sizes", ["known", "all"])
def test_places_and_keys(sizes, place, kind):
    h, gate = numbers(), numbers(seed=1)
    x, other = argument(SIZES[sizes][1]), argument(SIZES[sizes][1])
    key = KEY if kind == "int" else ndx.argument(shape=(), dtype=getattr(ndx, kind))
    given = {} if kind == "int" else {"key": (key, np.asarray(KEY, np.uint64).astype(kind))}
    equal(run(scale(x, other, place.keyed(key)), x=(x, h), gate=(other, gate), **given), scale(h, gate, place.keyed(KEY)))


@pytest.mark.parametrize("slopes", [0.3, Slopes(0.1, 0.3, KEY, offset=2**64 - 9)], ids=["constant", "drawn"])
def test_elements_of_any_indices(slopes):
    h, index = numbers((99,)), np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 99)
    x, places = argument(("N",)), argument(("N",), "int64")
    given = {"x": (x, h)} | ({} if slopes == 0.3 else {"index": (places, index)})
    equal(run(scale_at(x, x, places, slopes), **given), scale_at(h, h, index, slopes))


def test_special_numbers():
    h = np.asarray([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0], np.float32)
    x = argument(("N",))
    result, expected = run(rrelu(x, training=True, rng=1), x=(x, h)), rrelu(h, training=True, rng=1)
    equal(np.nan_to_num(result, nan=7.0), np.nan_to_num(expected, nan=7.0))


def test_another_key_at_each_run():
    x, key, h = argument(), ndx.argument(shape=(), dtype=ndx.int64), numbers()
    session = ort.InferenceSession(ndx.build({"x": x, "key": key}, {"y": rrelu(x, training=True, rng=key)}).SerializeToString())
    for number in (0, 1, 2**40):
        equal(session.run(None, {"x": h, "key": np.asarray(number)})[0], rrelu(h, training=True, rng=number))


def test_what_is_traced_computes_no_words():
    """Neither for known sizes and a known key: ndonnx would compute, while it traces, all that it can."""
    x = argument((4096, 4096))
    for result in (rrelu(x, training=True, rng=1), draw_slopes(x, rng=1), scale(x, x, Slopes(0.1, 0.3, 1, strides=(1, 4096)))):
        with pytest.raises(ValueError, match="no propagated value"):
            result.unwrap_numpy()
        assert result.shape == (4096, 4096)


def test_the_graph_is_standard_and_small():
    x, key = argument(), ndx.argument(shape=(), dtype=ndx.int64)
    model = ndx.build({"x": x, "key": key}, {"y": rrelu(x, training=True, rng=key)})
    assert {opset.domain for opset in model.opset_import} <= {"", "ai.onnx.ml"}
    assert {node.domain for node in model.graph.node} == {""}
    operators = Counter(node.op_type for node in model.graph.node)
    operators.pop("Constant")
    assert operators.total() < 250
    assert operators["Mod"] <= 1, "no shift of signed integers, which would need it"


def test_constants_are_computed_at_once():
    h, index = numbers(), np.arange(15).reshape(5, 3)
    x, key = ndx.asarray(h), ndx.asarray(np.asarray(-5))
    y, pullback = rrelu_vjp(x, training=True, rng=key)
    equal(y.unwrap_numpy(), rrelu(h, training=True, rng=KEY))
    equal(pullback(ndx.asarray(h)).unwrap_numpy(), rrelu_vjp(h, training=True, rng=KEY)[1](h))
    equal(draw_slopes(x, rng=key).unwrap_numpy(), draw_slopes(h, rng=KEY))
    equal(scale_at(x, x, ndx.asarray(index), Slopes(0.1, 0.3, key)).unwrap_numpy(), scale(h, h, Slopes(0.1, 0.3, KEY)))


@pytest.mark.xfail(reason="Where makes 0.0 of -0.0: https://github.com/microsoft/onnxruntime/issues/32191", strict=True)
def test_a_slope_of_minus_zero():
    x, h = argument(), numbers()
    equal(run(rrelu(x, -0.0, -0.0), x=(x, h)), rrelu(h, -0.0, -0.0))


def test_shared_axes():
    h = numbers()
    x = argument((5, 3))
    equal(run(rrelu(x, training=True, rng=KEY, shared_axes=0), x=(x, h)), rrelu(h, training=True, rng=KEY, shared_axes=0))
    equal(run(draw_slopes(x, rng=KEY, shared_axes=0), x=(x, h)), draw_slopes(h, rng=KEY, shared_axes=0))
    for axes in (0, 1, (0, 1)):  # none of which depends on the size that is unknown
        x = argument()
        y = rrelu(x, training=True, rng=KEY, shared_axes=axes)
        equal(run(y, x=(x, h)), rrelu(h, training=True, rng=KEY, shared_axes=axes))
    with pytest.raises(ValueError, match=r"where the sizes of the others are known, but for the first; got shape \(2, None, 3\)$"):
        rrelu(argument((2, None, 3)), training=True, rng=KEY, shared_axes=2)


def test_refusals():
    x = argument()
    with pytest.raises(
        TypeError, match=r"^ndonnx has no global generator: pass rng=, a 0-d integer array, which may be an input of the graph"
    ):
        rrelu(x, training=True)
    with pytest.raises(TypeError, match=r"^x is immutable: an Array of ndonnx cannot be written to$"):
        rrelu(x, inplace=True)
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes .*, got nfloat32$"):
        rrelu(argument(dtype="nfloat32"))
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes .*, got int64: pass x\.astype\('float32'\)$"):
        rrelu(argument(dtype="int64"))
