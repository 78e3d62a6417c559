"""Which array libraries the tests run on: those that are installed, or those that ``--library`` demands."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

collect_ignore = ["third_party"]  # a stranger's tests, which run where nothing of this repository is

settings.register_profile("same examples every time", derandomize=True, deadline=None)
settings.load_profile("same examples every time")

LIBRARIES = {"numpy": "array_api_compat.numpy", "array_api_strict": "array_api_strict", "torch": "array_api_compat.torch"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--library",
        action="append",
        default=[],
        choices=[*LIBRARIES, "cupy", "jax"],
        help="must be installed; tests of others are left out",
    )


def pytest_configure(config: pytest.Config) -> None:
    absent = [name for name in config.getoption("--library") if find_spec(name) is None]
    if absent:
        raise pytest.UsageError(f"--library {absent[0]}: it is not installed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "xp" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--library") or LIBRARIES
        metafunc.parametrize("xp", [name for name in LIBRARIES if name in chosen], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the conformance suites of libraries that are not chosen."""
    chosen = config.getoption("--library")
    if not chosen:
        return
    suites = {item: item.cls.namespace for item in items if hasattr(getattr(item, "cls", None), "namespace")}
    others = {item for item, namespace in suites.items() if namespace.partition(".")[0] not in chosen}
    config.hook.pytest_deselected(items=list(others))
    items[:] = [item for item in items if item not in others]


@pytest.fixture
def xp(request: pytest.FixtureRequest) -> Any:
    """An Array API namespace; one test for each library."""
    pytest.importorskip(request.param)
    return import_module(LIBRARIES[request.param])


@pytest.fixture
def np() -> Any:
    """NumPy, for tests of what it alone has."""
    return pytest.importorskip("numpy")


@pytest.fixture
def torch() -> Any:
    """PyTorch, for tests of what it alone has."""
    return pytest.importorskip("torch")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry of the test's own, as a process finds it at its first array, put back afterwards."""
    from multirrelu import _registry

    monkeypatch.setattr(_registry, "_records", _registry._Records())
    monkeypatch.setattr(_registry, "_by_hand", {})
    monkeypatch.setattr(_registry, "_claims", {name: list(claims) for name, claims in _registry.claims().items()})
    monkeypatch.setattr(_registry, "_asked", {})
    monkeypatch.setattr(_registry, "failures", {})
    _registry._name_by_class.cache_clear()
    yield _registry
    _registry._name_by_class.cache_clear()
