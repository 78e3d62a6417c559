"""Docstrings of the layers, by the rules of those of the package's own names."""

from __future__ import annotations

import pytest

pytest.importorskip("numpydoc")

from test_docstrings import LEFT_OUT, validate

OWN = {"EX01", "PR01", "PR02"}  # a method's example is its class's, and Flax gives a class another signature


CALLS = dict.fromkeys(("flax", "linen", "equinox"), "__call__") | {"torch": "forward", "keras": "call"}
PUBLIC = [f"{name}.{of}" for name, call in CALLS.items() for of in ("RReLU", f"RReLU.{call}")] + [
    f"torch.{name}" for name in ("convert_rrelu", "restore_rrelu", "rrelu")
]


@pytest.mark.parametrize("public", PUBLIC)
def test_layer_docstrings(public):
    name = public.partition(".")[0]
    pytest.importorskip(name.replace("linen", "flax"))
    errors = validate(f"multirrelu.layers.{public}")["errors"]
    assert [error for error in errors if error[0] not in LEFT_OUT | OWN] == []
