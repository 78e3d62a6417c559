"""Finding the record of an array: by hand, by the longest name that its type's module begins with, or the standard functions."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace

import pytest

from multirrelu import Backend, agnostic, backend_for, draw_slopes, register, rrelu
from multirrelu._registry import name_of_array, owner, record_named
from multirrelu.refusals import NEEDED


def spy(values, gate, slopes, /, *, out=None):
    return "spy"


def name_of(xp):
    return xp.__name__.removeprefix("array_api_compat.")


def kind(module, *bases, **attributes):
    """Return a type of a library's, with what every array has."""
    return type("Array", bases, {"__module__": module, "shape": (3,), "dtype": "float32", **attributes})


pytestmark = pytest.mark.usefixtures("registry")
SPACE = SimpleNamespace(__name__="space")


# What an array is


def test_an_array_has_the_name_of_its_library(xp):
    assert name_of_array(xp.ones(3)) == name_of(xp)


@pytest.mark.parametrize("name", ["dask.array", "jax.numpy"])
def test_an_array_whose_type_is_of_another_package_has_the_name_of_its_namespace(name):
    library = pytest.importorskip(name)
    assert name_of_array(library.ones(3)) == name


@pytest.mark.parametrize(
    ("x", "named"),
    [
        (None, "None of type NoneType"),
        (1.0, "1.0 of type float"),
        ("x", "'x' of type str"),
        (object(), "an object"),
        (int, "the class int"),
        ({}, "a dict"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_array(x, named):
    with pytest.raises(TypeError, match=rf"^expected an array, got {named}(: pass .+)?$"):
        backend_for(x)


@pytest.mark.parametrize("lacks", ["shape", "dtype"])
def test_what_a_library_has_besides_arrays_is_no_array(lacks):
    register("somelib", Backend(scale=spy, namespace=SPACE))
    assert backend_for(kind("somelib.core")()).scale is spy
    one = kind("somelib.core")
    delattr(one, lacks)
    with pytest.raises(TypeError, match=r"^expected an array, got an Array of somelib$"):
        backend_for(one())


def test_a_shape_and_a_dtype_may_be_made_when_the_array_is(np):
    """They are of the object then, and not of its type."""

    class Array:
        def __init__(self):
            self.shape, self.dtype = (3,), "float32"

    Array.__module__ = "somelib.core"
    register("somelib", Backend(scale=spy, namespace=SPACE))
    assert backend_for(Array()).scale is spy
    assert backend_for(Array()) is record_named("somelib")


def test_arrays_of_a_record_without_a_namespace_must_be_known_to_the_standard():
    register("somelib", spy)
    with pytest.raises(TypeError, match=r"^expected an array, got an Array of somelib"):
        backend_for(kind("somelib")())
    assert backend_for(kind("somelib", __array_namespace__=lambda self, **_: SPACE)()).namespace is SPACE


def test_types_that_have_no_module():
    one = kind("somelib")
    one.__module__ = None
    assert owner(one) == ""
    with pytest.raises(TypeError, match=r"^expected an array, got an Array"):
        backend_for(one())


def test_objects_that_cannot_be_looked_at():
    class Closed:
        shape = dtype = property(lambda self: 1 / 0)

        def __repr__(self):
            raise RuntimeError

    with pytest.raises(TypeError, match=r"^expected an array, got a Closed of "):
        backend_for(Closed())


def test_a_broken_installation_is_not_the_arrays_fault(registry, xp, monkeypatch):
    """As of an application that was frozen without all of array-api-compat."""

    def broken(x):
        raise ModuleNotFoundError("No module named 'array_api_compat.numpy.fft'")

    vars(registry._records).pop(name_of(xp), None)
    registry._claims.clear()
    monkeypatch.setattr("array_api_compat.array_namespace", broken)
    with pytest.raises(ModuleNotFoundError, match=r"array_api_compat\.numpy\.fft"):
        backend_for(xp.ones(3))


# A library that nobody claims


def test_standard_functions_where_nobody_claims_it(registry, xp):
    vars(registry._records).pop(name_of(xp), None)
    registry._claims.clear()
    backend = backend_for(xp.ones(3))
    assert (backend.scale, backend.namespace) == (agnostic.scale, xp)
    assert backend_for(xp.zeros(1)) is backend


@pytest.mark.parametrize("missing", [["arange"], ["astype", "where"], list(NEEDED)], ids=len)
def test_a_namespace_that_lacks_a_function(missing):
    """Said at the first array, with all that is missing, and not as an AttributeError from within."""
    functions = {name: object() for name in NEEDED if name not in missing}
    space = SimpleNamespace(__name__="poor", **functions)
    x = kind("poor", __array_namespace__=lambda self, **_: space)()
    message = rf"^arrays of poor are not supported: its namespace lacks {', '.join(missing)}$"
    for _ in range(2):
        with pytest.raises(TypeError, match=message):
            rrelu(x)
    register("poor", spy)
    assert rrelu(x) == "spy"


def test_a_namespace_that_lacks_nothing():
    space = SimpleNamespace(__name__="rich", **dict.fromkeys(NEEDED))
    x = kind("rich", __array_namespace__=lambda self, **_: space)()
    assert backend_for(x).scale is agnostic.scale


# By name


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("somelib", "somelib"),
        ("somelib.core", "somelib"),
        ("somelib.array", "somelib.array"),
        ("somelib.array._core.deep", "somelib.array"),
        ("somelib.arrays", "somelib"),
        ("somelibrary", ""),
        ("my.somelib", ""),
        ("some", ""),
    ],
)
def test_the_longest_name_of_whole_words(module, name):
    register("somelib", agnostic.scale)
    register("somelib.array", spy)
    assert owner(kind(module)) == name


def test_the_first_class_comes_first():
    """A type of somebody's who derives from another library's is the other's, until somebody claims it."""
    register("somelib", Backend(scale=spy, namespace=SPACE))
    derived = kind("theirs.arrays", kind("somelib.core"))
    assert name_of_array(derived()) == "somelib"
    register("theirs", Backend(scale=agnostic.scale, namespace=SPACE))
    assert name_of_array(derived()) == "theirs"


def test_a_shorter_name_of_the_first_class_goes_before_a_longer_one_of_its_base():
    register("somelib.array.deep", Backend(scale=spy, namespace=SPACE))
    register("theirs", Backend(scale=agnostic.scale, namespace=SPACE))
    assert name_of_array(kind("theirs", kind("somelib.array.deep"))()) == "theirs"


def test_the_class_of_all_classes_is_nobodys(xp):
    """Who claims ``builtins`` would else be asked for every object of a library that nobody claims."""
    register("builtins", Backend(scale=spy, namespace=SPACE))
    assert owner(kind("nobodys")) == ""
    assert name_of_array(xp.ones(3)) == name_of(xp)
    with pytest.raises(TypeError, match=r"^expected an array, got 1 of type int"):
        backend_for(1)


def test_a_name_with_dots_wins_only_where_its_types_are(np):
    register("numpy.ma", Backend(scale=spy, namespace=np))
    assert backend_for(np.ma.ones(3)).scale is spy
    assert backend_for(np.ones(3)).scale.__module__ == "multirrelu_backends.numpy"


# By hand


def test_a_record(xp):
    backend = Backend(scale=spy, namespace=xp)
    register(name_of(xp), backend)
    assert backend_for(xp.ones(3)) is backend
    assert rrelu(xp.ones(3)) == "spy"


def test_a_record_without_a_namespace_gets_it_at_the_first_array(xp):
    register("array_api_strict", Backend(scale=spy, accepts="mine"))
    strict = pytest.importorskip("array_api_strict")
    backend = backend_for(strict.ones(3))
    assert (backend.scale, backend.accepts, backend.namespace) == (spy, "mine", strict)


def test_a_function_takes_the_place_of_scale_in_the_record_that_stands(np):
    """All that is said of the library stays; what is said of the other `scale` goes, or slopes and report would be of the other."""
    before = backend_for(np.ones(3))
    register("numpy", before)
    register("numpy", Backend(**{**{f.name: getattr(before, f.name) for f in fields(Backend)}, "draw": spy, "scale_at": spy}))
    register("numpy", agnostic.scale)
    after = backend_for(np.ones(3))
    assert after.scale is agnostic.scale
    assert (after.draw, after.scale_at, after.describe) == (None, None, None)
    for name in ("namespace", "writeable", "check", "memory", "source", "default_key", "accepts"):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax.numpy", "dask.array"])
def test_the_slopes_are_those_of_the_function(name):
    library = pytest.importorskip(name)

    def constant(values, gate, slopes, /, *, out=None):
        return values * 0 + 7

    register(name, constant)
    assert [float(slope) for slope in draw_slopes(library.ones(2), rng=1)] == [7.0, 7.0]


def test_a_function_stands_alone_where_there_is_no_record():
    register("nobodys", spy)
    assert record_named("nobodys") == Backend(scale=spy)


def test_registering_again_replaces(xp):
    register(name_of(xp), agnostic.scale)
    assert rrelu(xp.ones(3)) is not None
    register(name_of(xp), spy)
    assert rrelu(xp.ones(3)) == "spy"


def test_a_type_that_was_met_before_is_found_again():
    x = kind("somelib.array", __array_namespace__=lambda self, **_: SimpleNamespace(__name__="space", **dict.fromkeys(NEEDED)))()
    assert backend_for(x).scale is agnostic.scale
    register("somelib", Backend(scale=spy, namespace=SPACE))
    assert backend_for(x).scale is spy


def test_register_wants_a_string():
    with pytest.raises(TypeError, match=r"^name must be a string, got 3 of type int$"):
        register(3, spy)


@pytest.mark.parametrize("backend", [None, 5, "scale"], ids=repr)
def test_register_wants_a_record_or_a_function(backend):
    with pytest.raises(TypeError, match=rf"^a backend must be a Backend or a scale function, got {backend!r} of type "):
        register("nobodys", backend)
    assert record_named("nobodys") is None


@pytest.mark.parametrize("backend", [spy, Backend(scale=spy)], ids=["function", "record"])
def test_a_record_without_a_namespace_that_nobody_knows(backend):
    """An author of a library reads what its record needs, and not how to convert its arrays."""
    register("nameless", backend)
    x = kind("nameless", shape=(2,), dtype="float32")()
    with pytest.raises(
        TypeError, match=r"^expected an array, got an Array of nameless: its record has no namespace, register multirrelu\.Backend"
    ):
        rrelu(x)


def test_slopes_where_the_namespace_has_no_ones():
    """The fallback of `draw` names what it needs; a record with `draw` needs nothing."""
    register("bare", Backend(scale=spy, namespace=SimpleNamespace(float32="float32")))
    x = kind("bare", shape=(2,), dtype="float32")()
    with pytest.raises(TypeError, match=r"^arrays of bare are not supported: its namespace lacks ones, broadcast_to$"):
        draw_slopes(x, rng=42)
    register("bare", Backend(scale=spy, draw=lambda like, slopes, /: "drawn", namespace=SimpleNamespace()))
    assert draw_slopes(x, rng=42) == "drawn"
