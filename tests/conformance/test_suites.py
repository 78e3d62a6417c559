"""The suites that are known by name: ours, a file each, and those of strangers, by entry points."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

from multirrelu_conformance import EXACT, Agreement, Gradients, Modes, Statistics, Suite, capabilities, suite_for, suites

THEIRS = """
from multirrelu_conformance import Suite


class MineSuite(Suite):
    namespace = "{name}"
    lacks = {{"float16": "of mine"}}
"""


def names_of(suite):
    return {name for name in dir(suite) if name.startswith("test_") and getattr(suite, name)}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a distribution whose module has a suite for a name, under a group of entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(module, name):
        (tmp_path / f"{module}.py").write_text(THEIRS.format(name=name))
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[multirrelu.suites]\n{name} = {module}:MineSuite\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_each_module_is_named_once():
    modules = [value.partition(":")[0] for value in suites.NAMES.values()]
    assert sorted(modules) == sorted(module.name for module in iter_modules(suites.__path__))


@pytest.mark.parametrize("name", suites.NAMES)
def test_ours_are_found_by_the_name_of_their_namespace(name):
    module, _, attribute = suites.NAMES[name].partition(":")
    known = getattr(import_module(f"multirrelu_conformance.suites.{module}"), attribute)
    suite = suite_for(name)
    assert issubclass(suite, known)
    assert (known.namespace, suite.namespace, suite.__name__, suite.backend) == (name, name, attribute, None)


@pytest.mark.parametrize("name", suites.NAMES)
def test_declared_lacks_are_known_and_explained(name):
    declared = capabilities.lacking(suite_for(name))
    assert declared
    assert set(declared) <= set(capabilities.CAPABILITIES)
    assert all(len(reason) > 10 for reason in declared.values())


@pytest.mark.parametrize("name", suites.NAMES)
def test_the_file_of_a_library_is_all_that_names_it(name):
    """Elsewhere in the package a library is an example in a docstring, and no case in the code; NumPy is what all is compared with."""
    folder = Path(suites.__file__).parents[1]
    root = name.partition(".")[0]
    if root in ("numpy", "scipy"):
        pytest.skip("data is held in NumPy's arrays, and judged by SciPy's statistics")
    for path in folder.glob("*.py"):
        code = re.sub(r'"""(.*?)"""', "", path.read_text(), flags=re.DOTALL)
        named = re.findall(rf"""(?:import|from) {root}\b|["']{root}\b""", code)
        assert named == [] or path.name == "array_errors.py", f"{path.name} names {root}: {named}"


def test_an_unknown_library_lacks_nothing():
    suite = suite_for("somebodys.arrays")
    assert suite.__base__ is Suite
    assert capabilities.lacking(suite) == {}
    assert names_of(suite) == names_of(Suite)


def test_declarations_add_up_and_none_takes_one_back():
    class Mine(suite_for("numpy")):
        lacks = {"writing": "read only", "bfloat16": None}  # noqa: RUF012

    declared = capabilities.lacking(Mine)
    assert declared["writing"] == "read only"
    assert "bfloat16" not in declared
    assert declared["second_device"] == "NumPy arrays live on one device"


def test_topics_alone():
    suite = suite_for("numpy", Modes, Gradients)
    assert names_of(suite) == names_of(Modes) | names_of(Gradients)
    assert names_of(suite).isdisjoint(set(vars(Agreement)) & names_of(Agreement))


def test_exact_is_all_but_the_statistics():
    assert names_of(suite_for("numpy", *EXACT)) == names_of(Suite) - names_of(Statistics)


def test_backend_of_ones_own():
    assert suite_for("numpy", backend=min).backend is min


def test_strangers_are_found(installed):
    installed("their_suites", "their.arrays")
    suite = suite_for("their.arrays")
    assert suite.__module__ == "their_suites"
    assert capabilities.lacking(suite) == {"float16": "of mine"}


@pytest.mark.parametrize(
    ("name", "first"), [("their.arrays", "other_suites:MineSuite"), ("numpy", "multirrelu_conformance.suites.numpy:NumpySuite")]
)
def test_two_of_one_name_are_refused(installed, name, first):
    installed("their_suites", name)
    if name == "their.arrays":
        installed("other_suites", name)
    with pytest.raises(ValueError, match=rf"^two suites claim the name '{name}': {first} and their_suites:MineSuite$"):
        suite_for(name)
