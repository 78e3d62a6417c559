"""Collect the report: the installed array libraries, the path of each with the reason, and whether the known answers hold."""

from __future__ import annotations

import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec

from .. import _registry, agnostic, answers
from ..contract import Backend
from ..scalars import of_error

HOLD, WRONG, CANNOT = "hold", "WRONG", "not computed"


@dataclass(frozen=True)
class Row:
    """The row of the report for one installed library.

    Attributes
    ----------
    library, version : str
        The array namespace, and the version of its package.
    path, why : str
        The module that multiplies its arrays, and the reason.
    answers : str
        ``hold``, ``WRONG``, or ``not computed`` where the check could not run.
    detail : str
        The dtypes in which the answers hold, else the first wrong one or the error.
    """

    library: str
    version: str
    path: str
    why: str
    answers: str
    detail: str


def report(libraries: Iterable[str] | None = None, before: Callable[[str], object] = str) -> list[Row]:
    """Return a row for each installed library, of the named ones or of all known and registered ones; call `before` with each."""
    answers.vectors()  # raises here where they are missing, which is no row of a library
    rows = []
    for name in known() if libraries is None else libraries:
        if installed(name):
            before(name)
            rows.append(row(name))
    return rows


def known() -> list[str]:
    """Return the names of the libraries that the report looks for."""
    return sorted(_registry.known_names() | {"array_api_strict"})


def installed(name: str) -> bool:
    """Return whether a library can be imported; a folder of its name, such as one in the working directory, is no library."""
    root = name.partition(".")[0]
    try:
        found = find_spec(root)
        if found is not None and found.origin is None:  # a folder, or a namespace package, as MLX's is
            found = find_spec(name) if name != root else None
    except (ValueError, ModuleNotFoundError):  # an impossible name of a module, or `__main__`
        return False
    return found is not None


def extras(name: str) -> list[str]:
    """Return the extras that install a library with the dependencies of its fast path, such as ``multirrelu[torch]``."""
    try:
        offered = metadata("multirrelu").get_all("Provides-Extra", [])
    except PackageNotFoundError:  # as in a frozen application, which has no extras
        return []
    root = name.partition(".")[0]
    return [f"multirrelu[{extra}]" for extra in offered if extra == root or extra.startswith(f"{root}-")]


def row(name: str) -> Row:
    """Import a library, find its path, and check it against the known answers."""
    release, path, why = "", "", ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of the libraries; `why` reports a backend that failed to import
        try:
            module = import_module(name)
            release = str(getattr(module, "__version__", None) or getattr(sys.modules[name.partition(".")[0]], "__version__", ""))
            record = _registry.record_named(name)
            xp = module if record is None or record.namespace is None else record.namespace
            backend = _registry.backend_for(xp.asarray([-1.0]))
            path, why = path_of(backend), reason(name, backend)
            dtypes, wrong = answers.check(backend.namespace)
        except Exception as error:  # noqa: BLE001 - a library that raises does not stop the report
            return Row(name, release, path, why, CANNOT, of_error(error))
    return Row(name, release, path, why, WRONG if wrong else HOLD, one_line(wrong) or ", ".join(dtypes))


def path_of(backend: Backend) -> str:
    """Return the name of the module that serves a library."""
    scale = backend.scale
    return "standard functions" if scale is agnostic.scale else str(getattr(scale, "__module__", type(scale).__module__))


def reason(name: str, backend: Backend) -> str:
    """Return why a library takes its path: the description of its record, or how the record was found."""
    failed = _registry.failures.get(name, "")
    values = [claim.value for claim in _registry.claims().get(name, [])]
    if backend.describe is not None:
        why = str(backend.describe())
    elif name in _registry._by_hand:
        why = "registered by hand"
    elif backend.scale is not agnostic.scale:
        why = f"entry point {' or '.join(values)}"
    else:
        why = "" if values else f"no entry point claims {name}"
    return "; ".join(filter(None, (why, failed)))


def one_line(text: str) -> str:
    """Return a text as one line of limited length."""
    return textwrap.shorten(text, 200, placeholder=" ...")
