"""``python -m multirrelu conformance``: run the suite on the arrays of one library, without a test file."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext, redirect_stdout
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ... import _registry
from ...scalars import of_error, shown
from ..machine import software
from ..report import installed, known, path_of, reason
from . import arguments, output, report
from .exits import Refused, need
from .outcomes import Outcomes

ABOUT = """\
Run the conformance suite on the arrays of one library.

It tests the backend that is registered for them, or one of your own.
What follows -- goes to pytest."""
EXAMPLES = """\
  python -m multirrelu conformance --namespace numpy
  python -m multirrelu conformance --namespace jax.numpy --json > jax.json
  python -m multirrelu conformance --namespace torch --backend my_package:scale
  python -m multirrelu conformance --namespace numpy -- -x -k gradient
"""
NEEDS = {name: name for name in ("numpy", "pytest", "scipy")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--namespace", type=dotted, required=True, metavar="NAME", help="such as numpy, torch or jax.numpy")
    parser.add_argument("--backend", type=value, metavar="MODULE:NAME", help="instead of the one that is registered")
    arguments.add_json(parser)
    parser.add_argument("options", nargs="*", metavar="-- PYTEST_OPTION", help="such as -- -x -k gradient")


def dotted(text: str) -> str:
    """Check and return the name of a module."""
    if not all(part.isidentifier() for part in text.split(".")):
        raise argparse.ArgumentTypeError(f"must be the name of a module, got {text!r}")
    return text


def value(text: str) -> str:
    """Check and return the name of a backend in a module, in the form of entry points."""
    module, colon, name = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"must be written MODULE:NAME, got {text!r}")
    return f"{dotted(module)}:{dotted(name)}"


def run(args: argparse.Namespace) -> int:
    """Run pytest on the suite, print its output or a summary as JSON, and return the exit code."""
    need("the suite", NEEDS, "conformance")
    about = subject(args.namespace, args.backend)
    as_json = "json" in args
    with redirect_stdout(sys.stderr) if as_json else nullcontext():  # pytest's output goes elsewhere, so that the JSON is alone
        print(f"{heading(about)}\n", flush=True)
        outcomes = run_pytest(args.namespace, args.backend, args.options)
    if not outcomes.counts["passed"] and not outcomes.status:
        output.complain("no test passed or failed: nothing was tested")
    if as_json:
        print(json.dumps({**software(), **about, **outcomes.summary()}, indent=1))
    return outcomes.code


def subject(namespace: str, backend: str | None) -> dict[str, str]:
    """Return the subject of the tests.

    Raises
    ------
    Refused
        If there is no such library, it has no arrays, or there is no such function.
    """
    from multirrelu_conformance import Suite, suite_for

    if not installed(namespace):
        raise Refused(f"not installed: {report.how_to_install(namespace)}")
    try:
        module = import_module(namespace)
        suite = suite_for(namespace)
        found = _registry.backend_for(suite().filled((1,)))
    except Exception as error:
        raise Refused(f"{namespace} is no namespace of arrays, as {', '.join(known())} are: {of_error(error)}") from error
    release = str(getattr(module, "__version__", None) or getattr(sys.modules[namespace.partition(".")[0]], "__version__", ""))
    tests = f"{suite.__module__}:{suite.__name__}" if suite.__base__ is not Suite else "a suite that knows nothing of this library"
    about = {"namespace": namespace, "version": release, "backend": path_of(found), "why": reason(namespace, found), "suite": tests}
    return about if backend is None else {**about, "backend": loadable(backend), "why": "named by --backend"}


def heading(about: dict[str, str]) -> str:
    """Return the subject of the tests in two lines."""
    return " ".join(filter(None, (about["namespace"], about["version"]))) + ", {backend}: {why}\nby {suite}".format(**about)


def loadable(backend: str) -> str:
    """Return the name of a backend after checking that it can be loaded."""
    try:
        value: Any = EntryPoint("backend", backend, _registry.GROUP).load()
    except Exception as error:
        raise Refused(f"--backend {backend} cannot be imported: {of_error(error)}") from error
    if not callable(value):
        raise Refused(f"--backend {backend} is no Backend and no function, but {shown(value)}")
    return backend


def run_pytest(namespace: str, backend: str | None, options: list[str]) -> Outcomes:
    """Run pytest on a file that holds the suite, without the pytest settings of the current folder, and return the outcomes."""
    import pytest

    outcomes = Outcomes()
    with TemporaryDirectory(prefix="multirrelu-") as place:
        file, settings = Path(place) / "test_conformance.py", Path(place) / "pytest.ini"
        settings.write_text("[pytest]\n", encoding="utf-8")
        file.write_text(source(namespace, backend), encoding="utf-8")
        own = ["-c", str(settings), "--rootdir", place, "-p", "no:cacheprovider", str(file)]
        outcomes.status = int(pytest.main([*own, *options], plugins=[outcomes]))
    return outcomes


def source(namespace: str, backend: str | None) -> str:
    """Return the source of the test file."""
    name = "".join(part.capitalize() for part in namespace.split("."))
    if backend is None:
        return f"from multirrelu_conformance import suite_for\n\nTest{name} = suite_for({namespace!r})\n"
    module, _, attribute = backend.partition(":")
    return f"""\
import importlib
import operator

from multirrelu_conformance import suite_for

backend = operator.attrgetter({attribute!r})(importlib.import_module({module!r}))
Test{name} = suite_for({namespace!r}, backend=backend)
"""
