"""NumPy's backend: on either of its paths the reference's bits, in any layout, and what NumPy's users expect of an array."""

from __future__ import annotations

import pickle
import tracemalloc

import pytest

np = pytest.importorskip("numpy")

from cases import DTYPES, SHAPES, assert_same_bits, dtype_of, expected, layouts, slopes_for  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu import Slopes  # noqa: E402
from multirrelu_backends import _blocks, _kernel  # noqa: E402
from multirrelu_backends.numpy import describe, scale  # noqa: E402


@pytest.fixture(params=["kernel", "kernel past the cache", "blocks", "small blocks"], autouse=True)
def path(request, monkeypatch):
    """Each of the ways an array can take."""
    if request.param.startswith("kernel"):
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(_kernel, "kernels", lambda: None)
        monkeypatch.setattr(_kernel, "_kernel", lambda *_: None)
        monkeypatch.setattr(_kernel, "_line", lambda *_: None)
    if request.param == "kernel past the cache":
        monkeypatch.setattr(_kernel, "FAR", 0)
        monkeypatch.setattr(_kernel, "run_line", run_as_any_layout)
    if request.param == "small blocks":
        monkeypatch.setattr(_blocks, "BLOCK", 24)
    return request.param


def run_as_any_layout(kind, values, gate, out, elements, slopes, key):
    """Only `run` writes past the cache."""
    return kind != "" and _kernel.run(kind, (values, gate, out), (elements,), ((dtype_of(kind).itemsize,),) * 3, slopes, key)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(shape, dtype, path):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    rows = (7, 9) if path == "small blocks" else (17, 61)  # each longer than a block of 3, as the standard functions get them
    if path != "kernel" and shape not in [(), (64,), (131,), (3, 5, 7), rows]:
        pytest.skip("every shape on one path, and a few on the others")
    for number, x in enumerate(layouts(shape, dtype_of(dtype), seed=1)):
        for kind, slopes in enumerate(slopes_for(shape)):
            context = f"layout {number}, strides {x.strides}, {slopes}"
            want = expected(x, x, slopes)
            assert_same_bits(scale(x, x, slopes), want, context)
            out = np.array(x, order="K")
            scale(out, out, slopes, out=out)
            assert_same_bits(out, want, f"in place, {context}")
            if (number + kind) % 3 == 0:
                gate, out = np.asarray(-x), np.empty(shape, dtype=x.dtype)
                assert scale(x, gate, slopes, out=out) is out
                assert_same_bits(out, expected(x, gate, slopes), f"gate and C-ordered out, {context}")


@pytest.mark.parametrize("shape", [(1 << 19,), (700, 700), (3, 1 << 17), (67, 2100), (68, 2100)], ids=str)
@pytest.mark.parametrize("offset", [0, 1, 2**34 - 100_003])
def test_large_arrays_equal_the_reference(shape, offset, path):
    if path == "small blocks":
        pytest.skip("a large array in small blocks takes long and shows nothing new")
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    slopes = Slopes(0.1, 0.3, 11, offset=offset)
    want = expected(x, x, slopes)
    assert_same_bits(scale(x, x, slopes), want, "C order")
    for turned in (x.T, x[::-1]):
        assert_same_bits(scale(turned, turned, slopes), expected(turned, turned, slopes), "transposed or reversed")
    assert_same_bits(scale(x, x, slopes, out=x), want, "in place")


@pytest.mark.parametrize("start", range(5))
def test_a_part_with_any_alignment_equals_the_whole(start):
    whole = np.random.default_rng(3).standard_normal(5000).astype(np.float32)
    part, slopes = whole[start : -start or None], Slopes(0.1, 0.3, 4)
    out = np.empty(5000 + 16, dtype=np.float32)
    for shift in range(16):
        result = scale(part, part, Slopes(0.1, 0.3, 4, offset=start), out=out[shift : shift + part.size])
        assert_same_bits(result, expected(whole, whole, slopes)[start : -start or None], f"out moved by {shift}")


def test_special_values_take_the_standards_course():
    x = np.array([-np.inf, np.inf, np.nan, -0.0, 0.0, -65504.0], dtype=np.float16)
    got = scale(x, x, 0.0)
    assert np.isnan(got[0])
    assert np.isnan(got[2])
    assert got[1] == np.inf
    assert np.signbit(got[[3, 5]]).all()
    assert scale(x[5:], x[5:], 3.0)[0] == -np.inf


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">f2"])
def test_foreign_byte_order(dtype):
    x = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    x[0] = -60_000 if dtype == ">f2" else -1e30
    got = scale(x, x, Slopes(0.1, 0.3, 4))
    native = x.astype(x.dtype.newbyteorder("="))
    assert_same_bits(got.astype(native.dtype), expected(native, native, Slopes(0.1, 0.3, 4)), dtype)
    assert got.dtype == x.dtype


def test_unaligned_memory():
    memory = np.zeros(401, dtype=np.uint8)
    x = memory[1:].view(np.float32)
    x[:] = -1.0
    assert not x.flags.aligned
    assert_same_bits(scale(x, x, Slopes(0.1, 0.3, 4), out=x), expected(-np.ones(100, "f4"), -np.ones(100, "f4"), Slopes(0.1, 0.3, 4)), "")


def test_a_scalar_gives_a_scalar_and_an_array_of_no_axes_an_array():
    assert type(multirrelu.rrelu(np.float32(-2.0), 0.5, 0.5)) is np.float32
    assert multirrelu.rrelu(np.float32(-2.0), 0.5, 0.5) == -1.0
    got = multirrelu.rrelu(np.array(-2.0), 0.5, 0.5)
    assert (type(got), got.shape, got[()]) == (np.ndarray, (), -1.0)


def test_a_mask_stays_and_a_masked_array_comes_back():
    x = np.ma.masked_array([-1.0, -2.0, 3.0], mask=[False, True, False])
    got = multirrelu.rrelu(x, 0.5, 0.5)
    assert type(got) is np.ma.MaskedArray
    assert got.mask.tolist() == [False, True, False]
    assert got.compressed().tolist() == [-0.5, 3.0]
    assert x.data.tolist() == [-1.0, -2.0, 3.0]


def test_big_endian_float64_computes_in_float64():
    x = -np.array([1 / 3, 1e300]).astype(">f8")
    assert multirrelu.rrelu(x, 0.1, 0.3).tolist() == (x.astype("f8") * (0.5 * 0.1 + 0.5 * 0.3)).tolist()
    assert multirrelu.draw_slopes(x, rng=1).dtype == np.float64


def test_empty_arrays_with_long_axes_take_no_memory():
    x = np.zeros((0, 50_000, 50_000), dtype=np.float32)
    assert scale(x, x, Slopes(0.1, 0.3, 4)).shape == x.shape
    assert expected(x, x, Slopes(0.1, 0.3, 4, offset=1)).shape == x.shape


def test_a_file_in_memory_gives_an_array(tmp_path):
    x = np.memmap(tmp_path / "x", dtype=np.float32, mode="w+", shape=(100,))
    assert type(multirrelu.rrelu(x)) is np.ndarray


def test_a_file_in_memory_is_written_in_place(tmp_path):
    x = np.memmap(tmp_path / "x", dtype=np.float32, mode="w+", shape=(100,))
    x[:] = -1.0
    multirrelu.rrelu(x, 0.5, 0.5, inplace=True)
    x.flush()
    assert np.fromfile(tmp_path / "x", dtype=np.float32).tolist() == [-0.5] * 100


def test_read_only_arrays_are_read():
    x = -np.ones(100)
    x.flags.writeable = False
    assert_same_bits(scale(x, x, Slopes(0.1, 0.3, 4)), expected(x, x, Slopes(0.1, 0.3, 4)), "")


@pytest.mark.parametrize("key", [np.array(5, dtype=np.uint64), np.array(2**64 - 1, dtype=np.uint64), np.array(-1, dtype=np.int64)], ids=str)
def test_a_key_in_an_array(key):
    x = -np.ones(10)
    number = int(key) % 2**64
    assert_same_bits(scale(x, x, Slopes(0.1, 0.3, key)), expected(x, x, Slopes(0.1, 0.3, number)), number)


def test_the_layout_of_the_input_is_kept():
    x = np.asfortranarray(-np.ones((4, 5)))
    assert scale(x, x, 0.5).flags.f_contiguous


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("training", "cut", "shared_axes"), [(True, 1024, None), (True, 1000, None), (True, 1024, 0), (False, 1024, None)])
def test_a_megabyte_is_enough_for_both_passes(dtype, path, training, cut, shared_axes):
    if path == "small blocks":
        pytest.skip("a large array in small blocks takes long and shows nothing new")
    x = np.random.default_rng(0).standard_normal(1 << 21).astype(dtype)
    y, g = np.empty_like(x), np.ones_like(x)
    x, y, g = (array.reshape(2048, 1024)[:, :cut] for array in (x, y, g))
    arguments = {"training": training, "rng": 1, "out": y, "shared_axes": shared_axes}
    multirrelu.rrelu(x[:300], **{**arguments, "out": y[:300]})  # what a first call compiles is not the call's
    tracemalloc.start()
    try:
        _, pullback = multirrelu.rrelu_vjp(x, **arguments)
        pullback(g, out=g)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 1 << 20


def test_the_report_says_which_path(path):
    if path.startswith("kernel"):
        assert describe().startswith("the fused kernel, by Numba ")
    else:
        assert describe().startswith("NumPy in cache-sized blocks")
        assert "pip install 'multirrelu[numpy]'" in describe()


def test_a_layer_survives_pickling():
    act = multirrelu.RReLU(0.1, 0.2, rng=5)
    x = -np.ones(10)
    assert_same_bits(pickle.loads(pickle.dumps(act))(x), act(x), "pickled")


# Arrays that carry more than their elements


def masked(mask=(False, True, False), hard=False):
    return np.ma.masked_array([-1.0, -2.0, 3.0], mask=mask, hard_mask=hard)


@pytest.mark.parametrize("hard", [False, True], ids=["soft mask", "hard mask"])
@pytest.mark.parametrize("mask", [(False, True, False), (True, True, True), False, np.ma.nomask], ids=["one", "all", "none", "no mask"])
@pytest.mark.parametrize("training", [False, True])
def test_what_lies_under_a_mask_is_not_written_in_place(mask, hard, training):
    """As NumPy's own operators leave it: the mask may be taken off again."""
    x = masked(mask, hard)
    hidden = np.ma.getmaskarray(x)
    want = np.where(hidden, x.data, multirrelu.rrelu(x.data, training=training, rng=1))
    assert multirrelu.rrelu(x, training=training, rng=1, inplace=True) is x
    assert x.data.tolist() == want.tolist()
    assert np.ma.getmaskarray(x).tolist() == hidden.tolist()
    assert x.hardmask is hard


def test_the_masked_constant_of_numpy_is_not_written():
    with pytest.raises((TypeError, ValueError)):
        multirrelu.rrelu(np.ma.masked, inplace=True)
    assert np.ma.masked.data == 0.0


def test_an_out_with_the_same_mask():
    x, out = masked(), masked()
    out.data[:] = 9.0
    assert multirrelu.rrelu(x, 0.5, 0.5, out=out) is out
    assert out.data.tolist() == [-0.5, 9.0, 3.0]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mask", [(True, False, False), (True, True, False), False], ids=["another", "more", "none of x's"])
def test_an_out_with_a_mask_that_x_does_not_share(mask, training):
    x = masked() if mask else masked().data
    rng = np.random.default_rng(1)
    out = masked(mask or (False, True, False))
    with pytest.raises(TypeError, match=r"^out carries a mask that x does not share: pass out\.data, or give both one mask$"):
        multirrelu.rrelu(x, training=training, rng=rng, out=out)
    assert out.data.tolist() == [-1.0, -2.0, 3.0]
    assert rng.random() == np.random.default_rng(1).random()


def test_a_pullback_of_a_masked_array():
    x = masked()
    y, pullback = multirrelu.rrelu_vjp(x, 0.5, 0.5, inplace=True)
    assert y.data.tolist() == [-0.5, -2.0, 3.0]
    assert pullback(np.ones(3)).tolist() == [0.5, 0.5, 1.0]


class Quantity(np.ndarray):
    """An array with a unit, as astropy's."""

    unit = None

    def __new__(cls, values, unit):
        made = np.array(values).view(cls)
        made.unit = unit
        return made

    def __array_finalize__(self, other):
        self.unit = getattr(other, "unit", None)


def test_a_unit_stays():
    x = Quantity([-1.0, 2.0], "m")
    y = multirrelu.rrelu(x, 0.5, 0.5)
    assert (type(y), y.unit, y.tolist()) == (Quantity, "m", [-0.5, 2.0])
    assert multirrelu.rrelu(x, 0.5, 0.5, inplace=True) is x
    out = Quantity([0.0, 0.0], "m")
    assert multirrelu.rrelu(x, 0.5, 0.5, out=out).tolist() == [-0.25, 2.0]


@pytest.mark.parametrize(("unit", "other"), [("m", "km"), ("m", None), (None, "km")])
def test_an_out_of_another_unit(unit, other):
    """The numbers would be right and their meaning 1000 times wrong."""
    made = lambda unit: np.asarray([-1.0, 2.0]) if unit is None else Quantity([-1.0, 2.0], unit)  # noqa: E731
    x, out = made(unit), made(other)
    message = rf"^out has the unit '?{other}'?, but x has '?{unit}'?: convert one of them$"
    for training in (False, True):
        with pytest.raises(TypeError, match=message):
            multirrelu.rrelu(x, training=training, rng=1, out=out)
    with pytest.raises(TypeError, match=message):
        multirrelu.scale(x, np.asarray(x), 0.5, out=out)
    with pytest.raises(TypeError, match=message):
        multirrelu.rrelu_vjp(np.asarray(x))[1](x, out=out)
    assert out.tolist() == [-1.0, 2.0]


def test_astropy():
    units = pytest.importorskip("astropy.units")
    x = [-1.0, 2.0] * units.m
    with pytest.raises(TypeError, match=r"^out has the unit 'km', but x has 'm': convert one of them$"):
        multirrelu.rrelu(x, out=[0.0, 0.0] * units.km)
    assert (multirrelu.rrelu(x, 0.5, 0.5, out=[0.0, 0.0] * units.m) == [-0.5, 2.0] * units.m).all()


# Byte orders


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("orders", ["><", "<>", ">>"])
def test_byte_orders_may_differ(dtype, orders):
    """NumPy's arithmetic on a big-endian x yields native cotangents, always."""
    host = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    x, g = (host.astype(order + dtype) for order in orders)
    y, pullback = multirrelu.rrelu_vjp(x, training=True, rng=3)
    want_y, want = multirrelu.rrelu_vjp(host, training=True, rng=3)
    assert_same_bits(y.astype(dtype), want_y, "y")
    assert y.dtype == x.dtype
    for got in (pullback(g), multirrelu.scale(g, x, Slopes(1 / 8, 1 / 3, 3))):
        assert got.dtype == g.dtype
        assert_same_bits(got.astype(dtype), want(host), "pullback")
    out = np.empty_like(g)
    assert pullback(x, out=out) is out
    assert_same_bits(out.astype(dtype), want(host), "out")


# Arrays that lie


def liar(**lies):
    """Return a class of arrays that say what is not so."""
    return type("Liar", (np.ndarray,), {name: property(lambda self, value=value: value) for name, value in lies.items()})


LIES = {
    "longer": {"shape": (1 << 20,)},
    "shorter": {"shape": (2,)},
    "of more axes": {"shape": (3, 1)},
    "of another dtype": {"dtype": np.dtype("float32")},
    "both": {"shape": (1 << 20,), "dtype": np.dtype("float16")},
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
@pytest.mark.parametrize("training", [False, True])
def test_an_array_that_lies_about_its_memory(lies, training):
    """The kernel would read past its end."""
    x, rng = (-np.ones(3)).view(liar(**lies)), np.random.default_rng(1)
    message = r"^x, a Liar of \S+ of shape \(.*, lies about its memory, which is \(3,\) of float64: pass numpy\.asarray\(x\)$"
    for call in (
        lambda: multirrelu.rrelu(x, training=training, rng=rng),
        lambda: multirrelu.rrelu(x, training=training, rng=rng, inplace=True),
        lambda: multirrelu.rrelu_vjp(x, training=training, rng=rng),
        lambda: multirrelu.draw_slopes(x, rng=rng),
        lambda: multirrelu.scale(x, x, 0.5),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert rng.random() == np.random.default_rng(1).random()
    assert multirrelu.rrelu(np.asarray(x), 0.5, 0.5).tolist() == [-0.5] * 3


@pytest.mark.parametrize(
    "call",
    [
        lambda honest, lying: multirrelu.scale(honest, lying, 0.5),
        lambda honest, lying: multirrelu.rrelu(honest, out=lying),
        lambda honest, lying: multirrelu.rrelu_vjp(honest)[1](lying),
    ],
    ids=["gate", "out", "cotangent"],
)
def test_another_argument_that_lies(call):
    honest, lying = -np.ones((3, 2)), (-np.ones(3)).view(liar(shape=(3, 2)))
    with pytest.raises(ValueError, match=r"lies about its memory, which is \(3,\) of float64"):
        call(honest, lying)


@pytest.mark.parametrize("lies", [{"strides": (0,)}, {"size": 9}, {"nbytes": 9}, {"ndim": 5}, {"itemsize": 1}, {"flags": None}], ids=repr)
def test_lies_that_nobody_asks_for(lies):
    x = (-np.ones(3)).view(liar(**lies))
    assert np.asarray(multirrelu.rrelu(x, 0.5, 0.5)).tolist() == [-0.5] * 3
    assert np.asarray(multirrelu.rrelu(x, 0.5, 0.5, inplace=True)).tolist() == [-0.5] * 3


def test_a_scalar_is_not_written_to():
    with pytest.raises(TypeError, match=r"^x is immutable: a float32 of numpy of shape \(\) and dtype float32 cannot be written to$"):
        multirrelu.rrelu(np.float32(-1), inplace=True)


def test_memory_that_is_missing_is_missed_before_a_generator_advances(monkeypatch):
    from multirrelu_backends import numpy as backend

    monkeypatch.setattr(backend, "LARGE", 1)
    monkeypatch.setattr(backend.np, "empty_like", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    rng = np.random.default_rng(1)
    with pytest.raises(MemoryError):
        multirrelu.rrelu(np.ones(100), training=True, rng=rng)
    assert rng.random() == np.random.default_rng(1).random()
