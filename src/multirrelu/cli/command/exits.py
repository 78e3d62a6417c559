"""The exit codes of ``python -m multirrelu``, and what a command raises that cannot do what it is asked."""

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


class Refused(Exception):  # noqa: N818 - what is wrong is not the program
    """A command cannot do what it is asked; the text says why, and what to install or to write instead."""


def need(what: str, packages: Mapping[str, str], *extras: str) -> None:
    """Refuse where a module is missing; `packages` says for each module what to call it.

    Raises
    ------
    Refused
        With everything that is missing, and the extras that bring it.
    """
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        raise Refused(f'{what} needs {", ".join(missing)}: pip install "multirrelu[{",".join(extras)}]"')
