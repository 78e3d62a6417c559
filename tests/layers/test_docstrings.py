"""Docstrings of the layers, by the rules of those of the package's own names."""

from __future__ import annotations

import pytest

pytest.importorskip("numpydoc")

from test_docstrings import LEFT_OUT, validate

OWN = {"EX01", "PR01", "PR02"}  # a method's example is its class's, and Flax gives a class another signature


@pytest.mark.parametrize("name", ["flax", "linen", "equinox"])
@pytest.mark.parametrize("of", ["RReLU", "RReLU.__call__"])
def test_layer_docstrings(name, of):
    pytest.importorskip(name.replace("linen", "flax"))
    errors = validate(f"multirrelu.layers.{name}.{of}")["errors"]
    assert [error for error in errors if error[0] not in LEFT_OUT | OWN] == []
