"""Docstrings of the public names, by numpydoc's own rules. That their examples hold is checked by tests/examples.py."""

from __future__ import annotations

import pytest

import multirrelu

validate = pytest.importorskip("numpydoc.validate").validate

LEFT_OUT = {
    "ES01",  # an extended summary, where one line says it all
    "SA01",  # "See Also", in a package of a few names
    "PR04",  # types of parameters that are said to be those of another function
    "PR08",  # descriptions that begin with the name of a dtype or an argument
}
NAMES = sorted(set(multirrelu.__all__) - {"Backend", "layers"})  # a protocol, whose documentation is the head of contract.py, and a package


@pytest.mark.parametrize("name", NAMES)
def test_public_docstrings(name):
    public = getattr(multirrelu, name)
    errors = validate(f"{public.__module__}.{public.__qualname__}")["errors"]
    assert [error for error in errors if error[0] not in LEFT_OUT] == []
