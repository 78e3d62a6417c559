"""The exit codes of ``python -m multirrelu``, and the exception of a command that cannot do its job."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

FINE, WRONG, CANNOT, INTERRUPTED = 0, 1, 2, 130

CODES = """exit codes:
  0    all is well
  1    an answer is wrong, or a test failed
  2    it could not be done: bad arguments, or something is missing
  130  interrupted
"""


class Refused(Exception):  # noqa: N818 - it is no error of the program
    """The exception of a command that cannot do its job; the text gives the reason and the cure."""


def need(what: str, packages: Mapping[str, str], *extras: str) -> None:
    """Raise where a module is missing; `packages` maps each module to the name of its package.

    Raises
    ------
    Refused
        If a module is missing; the text names all missing packages and the extras that install them.
    """
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        raise Refused(f'{what} needs {", ".join(missing)}: pip install "multirrelu[{",".join(extras)}]"')
