"""What is no array, of every kind that somebody may pass: one error in one line, that says how to make an array of it."""

from __future__ import annotations

import array
import ctypes
import datetime as dt
import io
import time
from decimal import Decimal
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from multirrelu import Backend, Slopes, agnostic, backend_for, draw_slopes, register, rrelu, rrelu_vjp, scale
from multirrelu.refusals import NEEDED, cure

ASARRAY = r": pass numpy\.asarray\(x\)"
OF_IT = r": pass an array of it, such as numpy\.asarray\(x, dtype='float32'\)"
TO_NUMPY = r": pass x\.to_numpy\(\)"
READ = r": read it into memory, pass x\[\.\.\.\]"
UFUNC = r"use apply_ufunc\(multirrelu\.rrelu, x, dask='allowed'\)"
DATA = rf": pass x\.data, or {UFUNC}"


def refused(x, named):
    """Every function refuses it, wherever it is passed, in a short line and no time."""
    message = rf"^expected an array, got {named}$"
    began = time.perf_counter()
    for call in (
        lambda: rrelu(x),
        lambda: rrelu(x, training=True, inplace=True, rng=1),
        lambda: rrelu_vjp(x),
        lambda: draw_slopes(x, rng=1),
        lambda: scale(x, x, 0.5),
        lambda: backend_for(x),
    ):
        with pytest.raises(TypeError, match=message) as error:
            call()
        assert len(str(error.value)) < 200
    assert time.perf_counter() - began < 5


# Python's own


class Point(NamedTuple):
    x: float
    y: float


OWN = {
    "list": ([1.0, -1.0], "a list" + OF_IT),
    "list of lists": ([[1.0], [-1.0]], "a list" + OF_IT),
    "tuple": ((1.0,), "a tuple" + OF_IT),
    "named tuple": (Point(1.0, 2.0), rf"a Point of \w+{OF_IT}"),
    "range": (range(3), "a range" + OF_IT),
    "float": (-1.0, r"-1\.0 of type float" + OF_IT),
    "int": (1, "1 of type int" + OF_IT),
    "bool": (True, "True of type bool" + OF_IT),
    "large list": ([0.0] * 10**6, "a list" + OF_IT),
    "None": (None, "None of type NoneType"),
    "complex": (1j, "1j of type complex"),
    "str": ("a", "'a' of type str"),
    "large str": ("a" * 10**6, r"'a+\.\.\. of type str"),
    "bytes": (b"abcd", r"b'abcd' of type bytes"),
    "set": ({1.0}, "a set"),
    "dict": ({"a": 1.0}, "a dict"),
    "iterator": (iter([1.0]), "a list_iterator"),
    "generator": ((x for x in [1.0]), "a generator"),
    "function": (len, "a builtin_function_or_method"),
    "class": (dict, "the class dict"),
    "module": (io, "a module"),
    "decimal": (Decimal(1), "a Decimal of decimal"),
    "date": (dt.date(2020, 1, 1), "a date of datetime"),
    "array.array": (array.array("f", [1.0]), "an array of array" + ASARRAY),
    "array.array of ints": (array.array("i", [1]), "an array of array"),
    "ctypes": ((ctypes.c_float * 3)(), r"a c_float_Array_3( of \w+)?" + ASARRAY),
    "memoryview": (memoryview(array.array("d", [1.0])), "a memoryview" + ASARRAY),
    "memoryview of bytes": (memoryview(b"abcd"), "a memoryview"),
    "slopes": (Slopes(0, 1, 1), "a Slopes of multirrelu"),
}


@pytest.mark.parametrize(("x", "named"), OWN.values(), ids=OWN)
def test_objects_of_python(x, named):
    refused(x, named)


# Objects that offer something, as those of libraries that are not installed here do


class Offers:
    """Make a class that offers some attributes."""

    def __new__(cls, *names, **members):
        return type("Thing", (), {**dict.fromkeys(names, lambda self: None), **members, "__module__": "somelib.core"})()


STAND_INS = {
    "nothing": (Offers(), ""),
    "pandas": (Offers("to_numpy", "__array__", "shape", "dtype", "__getitem__", "values"), TO_NUMPY),
    "polars": (Offers("to_numpy", "__array__", "shape", "dtype", "__getitem__"), TO_NUMPY),
    "polars, lazy": (Offers("collect", "select"), r": call x\.collect\(\) first"),
    "pyarrow": (Offers("to_numpy", "__array__", "__getitem__"), TO_NUMPY),
    "pyarrow's table": (Offers("__array__", "shape", "__getitem__"), ASARRAY),
    "zarr": (Offers("shape", "dtype", "__getitem__", "__array__", "chunks"), READ),
    "h5py": (Offers("shape", "dtype", "__getitem__", "__array__"), READ),
    "xarray": (Offers("dims", "data", "to_numpy", "shape", "dtype", "__array__"), DATA),
    "xarray's dataset": (Offers("dims", "__array__", "__getitem__"), f": {UFUNC}"),
    "pint": (Offers("magnitude", "shape", "dtype", "__array__", "__getitem__"), r": pass x\.magnitude"),
    "awkward": (Offers("to_numpy", "__array__", "__getitem__"), TO_NUMPY),
    "cupyx.scipy.sparse": (Offers("toarray", "shape", "dtype", "__getitem__"), r": pass x\.toarray\(\)"),
    "paddle": (Offers("numpy", "shape", "dtype", "__getitem__", "__array__", "__dlpack__"), r": pass x\.numpy\(\)"),
    "tinygrad": (Offers("numpy", "shape", "dtype", "__getitem__"), r": pass x\.numpy\(\)"),
    "DLPack alone": (Offers("__dlpack__", "__dlpack_device__"), r": pass numpy\.from_dlpack\(x\)"),
    "__array__ alone": (Offers("__array__"), ASARRAY),
    "__array_interface__ alone": (Offers("__array_interface__"), ASARRAY),
}


@pytest.mark.parametrize(("x", "offered"), STAND_INS.values(), ids=STAND_INS)
def test_objects_that_offer_a_way(x, offered):
    refused(x, f"a Thing of somelib{offered}")


def test_objects_whose_text_raises_or_takes_long():
    class Rude:
        def __repr__(self):
            time.sleep(9)
            raise RuntimeError

        __str__ = __format__ = __repr__

    refused(Rude(), r"a Rude of \w+")


def test_objects_whose_attributes_raise():
    class Closed:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    refused(Closed(), r"a Closed of \w+")


def test_objects_without_a_module():
    kind = type("Thing", (), {})
    kind.__module__ = None
    refused(kind(), "a Thing")


def test_objects_of_a_module_that_is_no_text():
    kind = type("Thing", (), {})
    kind.__module__ = 5
    refused(kind(), "a Thing")


def test_a_cure_works(np):
    """What is said to help does, of those that can be made here."""
    for x in ([1.0, -1.0], array.array("f", [1.0, -1.0]), (ctypes.c_float * 2)(1.0, -1.0)):
        assert "numpy.asarray" in cure(x)
        assert rrelu(np.asarray(x, dtype="float32"), 0.5, 0.5).tolist() == [1.0, -0.5]


# Libraries, where they are installed


def of(name, make):
    """Make an object of a library, or skip."""
    return make(pytest.importorskip(name, exc_type=ImportError))


def numbers():
    return pytest.importorskip("numpy").asarray([1.0, -1.0])


@pytest.mark.parametrize("kind", ["Series", "Index", "array", "DataFrame"])
def test_pandas(kind):
    x = of("pandas", lambda pd: getattr(pd, kind)({"a": [1.0, -1.0]} if kind == "DataFrame" else [1.0, -1.0]))
    refused(x, rf"an? \w+ of pandas{TO_NUMPY}")
    rrelu(x.to_numpy())


@pytest.mark.parametrize("kind", ["Series", "DataFrame"])
def test_polars(kind):
    x = of("polars", lambda pl: getattr(pl, kind)({"a": [1.0, -1.0]} if kind == "DataFrame" else [1.0, -1.0]))
    refused(x, rf"a {kind} of polars{TO_NUMPY}")
    rrelu(x.to_numpy())


def test_polars_lazy():
    refused(of("polars", lambda pl: pl.LazyFrame({"a": [1.0]})), r"a LazyFrame of polars: call x\.collect\(\) first")
    refused(of("polars", lambda pl: pl.col("a")), "an Expr of polars")


@pytest.mark.parametrize("kind", ["array", "chunked_array", "table", "record_batch"])
def test_pyarrow(kind):
    data = {"array": [1.0], "chunked_array": [[1.0]], "table": {"a": [1.0]}, "record_batch": {"a": [1.0]}}[kind]
    x = of("pyarrow", lambda pa: getattr(pa, kind)(data))
    refused(x, rf"a \w+ of pyarrow{ASARRAY if kind in ('table', 'record_batch') else TO_NUMPY}")
    rrelu(pytest.importorskip("numpy").asarray(x))


def test_zarr():
    x = of("zarr", lambda zarr: zarr.array(numbers()))
    refused(x, rf"an Array of zarr{READ}")
    rrelu(x[...])


def test_h5py(tmp_path):
    with of("h5py", lambda h5py: h5py.File(tmp_path / "a.h5", "w")) as file:
        x = file.create_dataset("a", data=numbers())
        refused(x, rf"a Dataset of h5py{READ}")
        rrelu(x[...])


def test_xarray():
    x = of("xarray", lambda xarray: xarray.DataArray(numbers()))
    refused(x, rf"a DataArray of xarray{DATA}")
    refused(x.variable, rf"a Variable of xarray{DATA}")
    refused(x.to_dataset(name="a"), rf"a Dataset of xarray: {UFUNC}")
    xarray = pytest.importorskip("xarray")
    wanted = rrelu(x.data).tolist()
    assert xarray.apply_ufunc(rrelu, x, dask="allowed").data.tolist() == wanted
    assert xarray.apply_ufunc(rrelu, x.to_dataset(name="a"), dask="allowed")["a"].data.tolist() == wanted


def test_pint():
    x = of("pint", lambda pint: numbers() * pint.UnitRegistry().metre)
    refused(x, r"a Quantity of pint: pass x\.magnitude")
    rrelu(x.magnitude)


def test_awkward():
    refused(of("awkward", lambda ak: ak.Array([[1.0, 2.0], [3.0]])), rf"an Array of awkward{TO_NUMPY}")


def test_numpys_own_that_are_no_arrays(np):
    for x in (np.dtype("f4"), np.random.default_rng(1), np.ndarray, np.nditer(np.ones(3)), np.iinfo("i4"), np.ufunc):
        refused(x, r"(an? |the class )\w+ of numpy(: .+)?")


# Arrays that cannot be served


@pytest.mark.parametrize("length", [None, float("nan")])
def test_sizes_that_are_not_known(registry, length):
    """A slope depends on the place of its element. In evaluation there is none to draw."""
    space = SimpleNamespace(__name__="lazy", **dict.fromkeys(NEEDED))

    class Array:
        shape, dtype = (3, length), "float32"

        def __array_namespace__(self, **_):
            return space

    Array.__module__ = "lazy"
    register("lazy", Backend(scale=lambda values, gate, slopes, /, *, out=None: "scaled", check=agnostic.check))
    x, message = Array(), r"^slopes depend on the place of each element, but sizes are unknown: got an Array of \w+ of \(3, (None|nan)\)$"
    for call in (lambda: rrelu(x, training=True, rng=1), lambda: draw_slopes(x, rng=1), lambda: scale(x, x, Slopes(0, 1, 1))):
        with pytest.raises(ValueError, match=message):
            call()
    assert rrelu(x) == "scaled"


def test_sizes_that_are_numbers_of_a_librarys(np):
    agnostic.check(SimpleNamespace(shape=(np.int64(3), 2)), None, None, drawn=True, stateful=None)
