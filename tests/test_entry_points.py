"""Backends that are installed: what metadata says, what it may get wrong, and what our own packages say where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import multirrelu
from multirrelu import Backend, _registry, agnostic, backend_for, register, rrelu
from multirrelu._entry_points import read
from multirrelu._registry import record_named
from multirrelu.cli import report

BACKEND = """
from multirrelu import Backend, agnostic
def scale(*args, **kwargs):
    return agnostic.scale(*args, **kwargs)
backend = Backend(scale=scale, accepts="a seed of somebody's")
"""
RUDE = """
class Rude(Exception):
    def __repr__(self):
        raise RuntimeError
    __str__ = __repr__
raise Rude
"""


@pytest.fixture
def installed(tmp_path, monkeypatch, registry):
    """Install a distribution as pip would lay it out, with an ``entry_points.txt``; what was read before is forgotten."""

    def install(text, distribution="somebodys", place="site", **modules):
        site = tmp_path / place
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        for module, source in modules.items():
            (site / f"{module}.py").write_text(source, encoding="utf-8")
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(site)
        registry._claims = None

    yield install
    for name in [name for name in sys.modules if name.startswith("somebody")]:
        del sys.modules[name]


def claim(*lines):
    return "\n".join(["[multirrelu.backends]", *lines, ""])


def forget(registry, name):
    """Forget a record, so that the next array loads it anew."""
    vars(registry._records).pop(name, None)


# When a claim is read and loaded


def test_nothing_is_read_on_import(tmp_path):
    (tmp_path / "somebodys-1.0.dist-info").mkdir()
    (tmp_path / "somebodys-1.0.dist-info" / "entry_points.txt").write_text(claim("sys = somebodys:backend"), encoding="utf-8")
    (tmp_path / "somebodys.py").write_text("1 / 0", encoding="utf-8")
    code = "import sys, multirrelu; print({'somebodys', 'importlib.metadata', 'multirrelu_backends'} & set(sys.modules))"
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def test_a_claim_is_loaded_when_its_library_is_met(installed):
    installed(claim("lazylib = somebodys:backend"), somebodys=BACKEND)
    assert "lazylib" in _registry.known_names()
    assert "somebodys" not in sys.modules
    assert record_named("lazylib").accepts == "a seed of somebody's"


@pytest.mark.parametrize("value", ["somebodys:scale", "somebodys:backend", "somebodys : backend", "somebodys:backend [fast]"])
def test_a_record_or_a_function(installed, value):
    installed(claim(f"lazylib = {value}"), somebodys=BACKEND)
    assert isinstance(record_named("lazylib"), Backend)
    assert record_named("lazylib").scale.__module__ == "somebodys"


def test_it_is_loaded_once(installed):
    installed(claim("lazylib = somebodys:backend"), somebodys=BACKEND + "import sys\nsys.loads = getattr(sys, 'loads', 0) + 1\n")
    assert record_named("lazylib") is record_named("lazylib")
    loads = sys.loads
    del sys.loads
    assert loads == 1


def test_an_array_of_its_library_is_served_by_it(installed):
    installed(claim("somelib.array = somebodys:backend"), somebodys=BACKEND)
    space = SimpleNamespace(__name__="space")
    kind = type("Array", (), {"__module__": "somelib.array.core", "shape": (), "dtype": "f", "__array_namespace__": lambda s, **_: space})
    assert backend_for(kind()).scale.__module__ == "somebodys"


# Claims that cannot be imported


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import a_module_that_is_not_there", r"ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("1 / 0", r"ZeroDivisionError: division by zero"),
        ("raise OSError('no such\\n  driver')", r"OSError: no such driver"),
        ("raise SystemExit(3)", r"SystemExit: 3"),
        ("import sys; sys.exit()", r"SystemExit"),
        (RUDE, r"Rude"),
        ("raise Exception('a' * 10**6)", r"Exception: a{1,300}"),
        ("no_backend = 1", r"AttributeError: .*has no attribute 'backend'"),
        ("backend = 5", r"TypeError: scale must be callable, got 5 of type int"),
        ("def backend(", r"SyntaxError: .+"),
    ],
    ids=["import", "error", "two lines", "exit 3", "exit", "no repr", "long", "no attribute", "no function", "syntax"],
)
def test_a_backend_that_fails_to_import(installed, source, error):
    installed(claim("lazylib = somebodys:backend"), somebodys=source)
    message = (
        r"^multirrelu's backend 'somebodys:backend' for lazylib failed to import, using the slower standard functions instead: "
        rf"{error}$"
    )
    with pytest.warns(RuntimeWarning, match=message) as said:
        assert record_named("lazylib").scale is agnostic.scale
    assert len(str(said[0].message)) < 450
    assert record_named("lazylib").scale is agnostic.scale  # said once: warnings are errors here


@pytest.mark.parametrize("value", ["!!!", ":", "", "a b", "somebodys:", "somebodys:backend:x", "..somebodys:backend", "."])
def test_a_value_that_cannot_be_parsed(installed, value):
    installed(claim(f"lazylib = {value}"), somebodys="backend = None")
    with pytest.warns(RuntimeWarning, match=r"for lazylib failed to import, using the slower standard functions instead: \w+Error"):
        assert record_named("lazylib").scale is agnostic.scale


def test_it_does_not_stop_its_librarys_arrays(installed, registry, xp):
    name = xp.__name__.removeprefix("array_api_compat.")
    installed(claim(f"{name} = somebodys:backend"), somebodys="1 / 0")
    forget(registry, name)
    with pytest.warns(RuntimeWarning, match=rf"'somebodys:backend' for {name} (is left out|failed to import)"):
        rrelu(xp.ones(3))


# Two claims


TWO = {"somebodys": BACKEND, "somebody_else": BACKEND}


def test_two_claims(installed, registry):
    installed(claim("lazylib = somebodys:backend"), **TWO)
    installed(claim("lazylib = somebody_else:scale"), distribution="somebody-else", place="other")
    assert record_named("anotherlib") is None
    message = r"^two backends claim the name 'lazylib': somebody_else:scale and somebodys:backend: uninstall one of them$"
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            record_named("lazylib")


def test_one_distribution_that_claims_twice(installed):
    installed(claim("lazylib = somebodys:scale", "lazylib = somebodys:backend"), **TWO)
    with pytest.raises(ValueError, match=r"^two backends claim the name 'lazylib': somebodys:backend and somebodys:scale: uninstall"):
        record_named("lazylib")


def test_a_rival_of_our_own_backend_is_named(installed, registry, np):
    installed(claim("numpy = somebodys:backend"), somebodys=BACKEND)
    forget(registry, "numpy")
    with pytest.raises(ValueError, match=r"'numpy': multirrelu_backends\.numpy:backend and somebodys:backend: uninstall one of them$"):
        rrelu(np.ones(3))


@pytest.mark.parametrize(
    "source", ["1 / 0", "import a_module_that_is_not_there", "raise SystemExit", RUDE], ids=["error", "import", "exit", "rude"]
)
def test_a_rival_that_cannot_be_imported_does_not_count(installed, registry, np, source):
    """Said once; and NumPy's arrays are served as fast as before."""
    installed(claim("numpy = somebodys:backend"), somebodys=source)
    forget(registry, "numpy")
    with pytest.warns(RuntimeWarning, match=r"^multirrelu's backend 'somebodys:backend' for numpy is left out: \w+"):
        assert backend_for(np.ones(3)).scale.__module__ == "multirrelu_backends.numpy"
    rrelu(np.ones(3))


def test_two_claims_of_which_none_can_be_imported(installed):
    installed(claim("lazylib = somebodys:backend", "lazylib = somebody_else:backend"), somebodys="1 / 0", somebody_else=RUDE)
    with pytest.warns(RuntimeWarning, match=r"failed to import, using the slower standard functions instead") as said:
        assert record_named("lazylib").scale is agnostic.scale
    assert len(said) == 2


def test_register_settles_two_claims(installed):
    installed(claim("lazylib = somebodys:backend", "lazylib = somebody_else:backend"), **TWO)
    backend = Backend(scale=agnostic.scale)
    register("lazylib", backend)
    assert record_named("lazylib") is backend
    assert "somebodys" not in sys.modules


def test_register_settles_them_by_a_function_too(installed):
    """Which stands alone, because nobody knows which of the two it is to complete."""
    installed(claim("lazylib = somebodys:backend", "lazylib = somebody_else:backend"), **TWO)
    register("lazylib", agnostic.scale)
    assert record_named("lazylib") == Backend(scale=agnostic.scale)


def test_a_function_by_hand_imports_nothing_before_its_librarys_arrays_come(installed):
    installed(claim("lazylib = somebodys:backend"), **TWO)
    register("lazylib", agnostic.scale)
    assert "somebodys" not in sys.modules
    assert record_named("lazylib") == Backend(scale=agnostic.scale, accepts="a seed of somebody's")


def test_a_function_by_hand_beside_a_claim_that_fails(installed):
    """No warning: it is not the standard functions that serve."""
    installed(claim("lazylib = somebodys:backend"), somebodys="1 / 0")
    register("lazylib", agnostic.scale)
    assert record_named("lazylib") == Backend(scale=agnostic.scale)


def test_register_wins_over_an_entry_point_of_the_same_name_only(installed):
    installed(claim("somelib = somebodys:backend", "somelib.array = somebody_else:backend"), **TWO)
    register("somelib", Backend(scale=agnostic.scale))
    assert _registry.owner(type("Array", (), {"__module__": "somelib.array"})) == "somelib.array"
    assert record_named("somelib.array").scale.__module__ == "somebody_else"


@pytest.mark.parametrize("distribution", ["somebodys", "somebodys-editable"], ids=["one name", "two names"])
def test_an_editable_install_beside_a_wheel_is_one_claim(installed, distribution):
    installed(claim("lazylib = somebodys:backend"), place="wheel", somebodys=BACKEND)
    installed(claim("lazylib = somebodys:backend"), place="editable", distribution=distribution, somebodys=BACKEND)
    assert record_named("lazylib").scale.__module__ == "somebodys"


def test_an_older_install_further_down_the_path_does_not_count(installed):
    installed(claim("lazylib = somebody_else:backend"), place="old", **TWO)
    installed(claim("lazylib = somebodys:backend"), place="new")
    assert record_named("lazylib").scale.__module__ == "somebodys"


# What other packages' metadata may hold


WRONG = {
    "no equals sign": claim("nonsense", "lazylib = somebodys:backend"),
    "no equals sign elsewhere": "[console_scripts]\nnonsense\n",
    "no section": "lazylib = somebodys:backend\n",
    "no name": claim(" = somebodys:backend"),
    "nothing": claim("="),
    "half a section": "[multirrelu.backends\nlazylib = somebodys:backend\n",
    "empty": "",
    "not UTF-8": b"[multirrelu.backends]\nlazylib = \xff\xfe:backend\n",
    "zeros": b"\0" * 99,
    "colons": claim(": = :", "lazylib = :"),
    "exclamation marks": claim("!!! = !!!"),
    "sys": claim("sys = sys:exit", "builtins = builtins:exit", "__main__ = sys:exit", "os.path = os:abort"),
    "dots": claim("... = a:b", ".a = a:b", "a. = a:b"),
    "spaces": claim("a b = c d : e f"),
    "long": claim(f"{'a' * 10**5} = {'b' * 10**5}:c"),
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_metadata_of_others_stops_no_array(installed, registry, np, text):
    installed(text)
    forget(registry, "numpy")
    assert backend_for(np.ones(3)).scale.__module__ == "multirrelu_backends.numpy"
    assert rrelu(np.ones(3)).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(TypeError, match=r"^expected an array"):
        rrelu([1.0])


@pytest.mark.filterwarnings("ignore:multirrelu's backend")
@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_nor_errors_nor_the_report(installed, np, text):
    installed(text)
    with pytest.raises(TypeError, match=r"^rng must be an int .+; got 'a' of type str$"):
        rrelu(np.ones(3), rng="a")
    names = report.known()
    assert "numpy" in names
    assert [name for name in names if report.installed(name) and name not in sys.stdlib_module_names]
    report.report([name for name in names if name not in ("jax.numpy", "dask.array", "cupy", "torch")])


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_nor_the_import(tmp_path, text):
    (tmp_path / "somebodys-1.0.dist-info").mkdir()
    (tmp_path / "somebodys-1.0.dist-info" / "entry_points.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    command = [sys.executable, "-W", "error", "-c", "import multirrelu; print(multirrelu.Slopes(0, 1, 3).key)"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_metadata_that_cannot_be_opened(installed, tmp_path, np):
    installed("")
    for part in ("METADATA", "entry_points.txt"):
        file = tmp_path / "site" / "somebodys-1.0.dist-info" / part
        file.unlink()
        file.mkdir()
        assert "numpy" in _registry.claims()
        _registry._claims = None


def test_a_distribution_without_a_name_still_claims(installed, tmp_path):
    for number in "12":
        installed(claim(f"lazylib{number} = somebodys:backend"), distribution=f"nameless{number}", somebodys=BACKEND)
        (tmp_path / "site" / f"nameless{number}-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n", encoding="utf-8")
    assert {"lazylib1", "lazylib2"} <= _registry.known_names()


# Our own


def test_our_own_table_is_that_of_the_distribution():
    import multirrelu_backends

    project = Path(multirrelu.__file__).parents[2] / "pyproject.toml"
    if not project.exists():
        pytest.skip("not run from a checkout")
    groups = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups["multirrelu.backends"] == {name: f"multirrelu_backends.{value}" for name, value in multirrelu_backends.NAMES.items()}


def test_each_of_our_own_leads_to_a_record():
    import multirrelu_backends

    for name, value in multirrelu_backends.NAMES.items():
        if name.partition(".")[0] in sys.modules:
            assert isinstance(EntryPoint(name, f"multirrelu_backends.{value}", "").load(), Backend)


@pytest.mark.parametrize("value", ["multirrelu_backends.numpy:scale", "multirrelu_backends.gone:backend", "multirrelu_backends:nothing"])
@pytest.mark.parametrize("name", ["numpy", "lazylib"])
def test_claims_into_our_package_are_ignored(installed, registry, name, value):
    """A stale install may name what is there no more."""
    installed(claim(f"{name} = {value}"), distribution="multirrelu")
    assert [point.value for point in registry.claims().get(name, [])] == (["multirrelu_backends.numpy:backend"] if name == "numpy" else [])


def test_without_our_own_package():
    assert read("no.such.group", "no_such_package_of_ours") == {}


def test_a_package_of_ours_that_is_broken_is_said(tmp_path, monkeypatch):
    (tmp_path / "somebody_ours.py").write_text("import a_module_that_is_not_there", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        read("no.such.group", "somebody_ours")


FROZEN = """
import sys
from importlib.metadata import distributions
import multirrelu, numpy as np
x = -np.ones(3)
backend = multirrelu.backend_for(x)
print(len(list(distributions())), backend.scale.__module__, backend.describe())
print(multirrelu.rrelu(x, training=True, rng=42).tolist())
print(multirrelu.__file__)
"""


@pytest.fixture
def frozen(tmp_path, np):
    """Lay out the packages that are installed here, without any metadata, as a frozen application or a vendored copy has them."""
    packages = {path.parent for path in (Path(np.__file__).parent, Path(pytest.__file__).parent)}
    for site in packages:
        for entry in site.iterdir():
            if not entry.name.endswith((".dist-info", ".egg-info", ".pth")) and not (tmp_path / entry.name).exists():
                (tmp_path / entry.name).symlink_to(entry)
    for package in ("multirrelu", "multirrelu_backends", "multirrelu_conformance"):
        link = tmp_path / package
        link.unlink(missing_ok=True)
        link.symlink_to(Path(find_spec(package).origin).parent)

    def run(*command):
        start, env = [sys.executable, "-S", "-W", "error"], {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run([*start, *command], capture_output=True, text=True, env=env, check=False)

    return run


def test_without_any_metadata_our_own_records_serve(frozen, np):
    """A frozen application has none; and then everything took the standard functions, without a word."""
    done = frozen("-c", FROZEN)
    assert done.stderr == ""
    first, bits, file = done.stdout.splitlines()
    assert first == f"0 multirrelu_backends.numpy {backend_for(np.ones(1)).describe()}"
    assert bits == str(rrelu(-np.ones(3), training=True, rng=42).tolist())
    assert "site-packages" not in file


def test_without_any_metadata_the_command_line_reports(frozen):
    done = frozen("-m", "multirrelu", "--json")
    assert (done.returncode, "Error" in done.stderr) == (0, False)
    assert f'"multirrelu": "{multirrelu.__version__}"' in done.stdout
    assert '"library": "numpy"' in done.stdout
    assert frozen("-m", "multirrelu", "--version").stdout == f"multirrelu {multirrelu.__version__}\n"
