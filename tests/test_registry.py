"""Finding a backend: by hand, by entry points of installed distributions, or the standard functions."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from multirrelu import _registry, agnostic, backend_for, register, rrelu
from multirrelu._registry import backend_of, name_of, scan
from multirrelu.arrays import namespace_of

BACKEND = """
from multirrelu import agnostic
def scale(*args, **kwargs):
    return agnostic.scale(*args, **kwargs)
"""


pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution that registers a backend, as pip would lay it out."""

    def install(namespace, module, source=BACKEND, distribution="", place="site"):
        site, name = tmp_path / place, distribution or module
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[multirrelu.backends]\n{namespace} = {module}:scale\n")
        (site / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(site)

    yield install
    for name in [name for name in sys.modules if name.startswith("somebody")]:
        del sys.modules[name]


def library(name):
    return SimpleNamespace(__name__=name)


def spy(values, gate, slopes, /, *, out=None):
    return "spy"


@pytest.mark.parametrize(
    ("module", "name"),
    [("array_api_compat.numpy", "numpy"), ("array_api_compat.dask.array", "dask.array"), ("jax.numpy", "jax.numpy"), ("torch", "torch")],
)
def test_names(module, name):
    assert name_of(library(module)) == name


def test_an_array_has_the_name_of_its_library(xp):
    assert name_of(namespace_of(xp.ones(3))) == xp.__name__.removeprefix("array_api_compat.")


@pytest.mark.parametrize("x", [None, 1.0, [1.0], "x"], ids=repr)
def test_no_array(x):
    with pytest.raises(TypeError, match=rf"^expected an array, got .+ of type {type(x).__name__}$"):
        backend_for(x)


def test_a_library_that_nobody_claims_is_served_by_standard_functions():
    assert backend_of(library("nobodys")) is agnostic.scale


def test_numpy_has_its_backend(np):
    assert backend_for(np.ones(3)).__module__ == "multirrelu_backends.numpy"


# By hand


def test_register(xp):
    register(name_of(xp), spy)
    assert backend_for(xp.ones(3)) is spy
    assert rrelu(xp.ones(3)) == "spy"


def test_registering_again_replaces():
    register("nobodys", agnostic.scale)
    register("nobodys", spy)
    assert backend_of(library("nobodys")) is spy


def test_register_wants_a_string():
    with pytest.raises(TypeError, match=r"^namespace must be a string, got 3 of type int$"):
        register(3, spy)


def test_register_wants_a_callable():
    with pytest.raises(TypeError, match=r"^scale must be callable, got None of type NoneType$"):
        register("nobodys", None)


# By entry points


def test_an_entry_point_is_loaded_at_the_first_array(installed):
    installed("lazylib", "somebodys_backend")
    scan()
    assert "somebodys_backend" not in sys.modules
    assert backend_of(library("lazylib")).__module__ == "somebodys_backend"


@pytest.mark.parametrize("namespace", ["eagerlib", "eagerlib.array"])
def test_it_is_loaded_at_once_where_its_framework_is_there(installed, monkeypatch, namespace):
    installed(namespace, "somebodys_backend")
    monkeypatch.setitem(sys.modules, namespace, ModuleType(namespace))
    scan()
    assert "somebodys_backend" in sys.modules
    assert backend_of(library(namespace)) is sys.modules["somebodys_backend"].scale


def test_a_package_without_its_arrays_is_not_the_framework(installed, monkeypatch):
    """Whoever imports `dask` alone may have no NumPy, which `dask.array` needs."""
    installed("eagerlib.array", "somebodys_backend")
    monkeypatch.setitem(sys.modules, "eagerlib", ModuleType("eagerlib"))
    scan()
    assert "somebodys_backend" not in sys.modules


def test_it_is_loaded_once(installed):
    installed("lazylib", "somebodys_backend", BACKEND + "import sys\nsys.loads = getattr(sys, 'loads', 0) + 1\n")
    scan()
    assert backend_of(library("lazylib")) is backend_of(library("lazylib"))
    loads = sys.loads
    del sys.loads
    assert loads == 1


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import a_module_that_is_not_there", r"ModuleNotFoundError\(.No module named 'a_module_that_is_not_there'.\)"),
        ("1 / 0", r"ZeroDivisionError\('division by zero'\)"),
        ("no_scale = 1", r"AttributeError\(.+scale.+\)"),
    ],
)
def test_a_backend_that_fails_to_import(installed, source, error):
    installed("lazylib", "somebodys_backend", source)
    scan()
    message = (
        rf"^multirrelu's backend 'somebodys_backend:scale' for lazylib failed to import, the standard functions serve instead: {error}$"
    )
    with pytest.warns(RuntimeWarning, match=message):
        assert backend_of(library("lazylib")) is agnostic.scale
    assert backend_of(library("lazylib")) is agnostic.scale  # said once: warnings are errors here


def test_a_backend_that_fails_to_import_does_not_stop_the_scan(installed, monkeypatch):
    installed("eagerlib", "somebodys_backend", "1 / 0")
    monkeypatch.setitem(sys.modules, "eagerlib", ModuleType("eagerlib"))
    with pytest.warns(RuntimeWarning, match=r"'somebodys_backend:scale' for eagerlib failed to import"):
        scan()


def test_an_entry_point_that_is_no_function(installed):
    installed("somebodys", "somebody_wrong", "scale = 5")
    scan()
    with pytest.warns(RuntimeWarning, match=r"'somebody_wrong:scale' for somebodys failed to import.*it is no function but 5"):
        assert backend_of(library("somebodys")) is agnostic.scale


def test_two_claims_are_an_error_at_first_use_only(installed, monkeypatch):
    installed("eagerlib", "somebodys_backend")
    installed("eagerlib", "somebody_elses_backend")
    monkeypatch.setitem(sys.modules, "eagerlib", ModuleType("eagerlib"))
    scan()
    assert backend_of(library("nobodys")) is agnostic.scale
    message = r"^two backends claim the namespace 'eagerlib': somebody_elses_backend:scale and somebodys_backend:scale$"
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            backend_of(library("eagerlib"))
    assert "somebodys_backend" not in sys.modules


def test_a_rival_of_our_own_backend_is_named(installed, np, monkeypatch):
    installed("numpy", "somebodys_backend")
    monkeypatch.setattr(_registry, "_backends", {})
    scan()
    with pytest.raises(ValueError, match=r"'numpy': multirrelu_backends\.numpy:scale and somebodys_backend:scale$"):
        rrelu(np.ones(3))


def test_register_settles_two_claims(installed):
    installed("lazylib", "somebodys_backend")
    installed("lazylib", "somebody_elses_backend")
    scan()
    register("lazylib", spy)
    assert backend_of(library("lazylib")) is spy


def test_register_wins_over_an_entry_point(installed, monkeypatch):
    installed("eagerlib", "somebodys_backend")
    register("eagerlib", spy)
    monkeypatch.setitem(sys.modules, "eagerlib", ModuleType("eagerlib"))
    scan()
    assert backend_of(library("eagerlib")) is spy
    assert "somebodys_backend" not in sys.modules


@pytest.mark.parametrize("distribution", ["somebodys_backend", "somebodys_backend_editable"], ids=["one name", "two names"])
def test_an_editable_install_beside_a_wheel_is_one_claim(installed, distribution):
    installed("lazylib", "somebodys_backend", place="wheel")
    installed("lazylib", "somebodys_backend", distribution=distribution, place="editable")
    scan()
    assert backend_of(library("lazylib")).__module__ == "somebodys_backend"


def test_a_scan_forgets_what_is_no_longer_installed(registry):
    registry._claims["gonelib"] = ["a claim"]
    scan()
    assert "gonelib" not in registry._claims


def test_a_backend_is_told_each_type_of_its_library_once(registry):
    told, kind = [], type("Kind", (), {"__module__": "somebody.arrays"})
    registry._claims["somebody"], registry._backends["somebody"] = [], SimpleNamespace(meet=told.append)
    registry.meet(kind)
    registry.meet(kind)
    assert told == [kind]
