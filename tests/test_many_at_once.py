"""The same calls on every library that is installed: NumPy's bytes."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

import gpus

many_at_once = pytest.importorskip("multirrelu_conformance.many_at_once", reason="NumPy or SciPy is not installed")
bits, suites = (pytest.importorskip(f"multirrelu_conformance.{name}") for name in ("bits", "suites"))
INSTALLED = [name for name in suites.NAMES if find_spec(name.partition(".")[0]) is not None]


@pytest.mark.parametrize("call", many_at_once.CALLS, ids=lambda call: f"{call.code}-{call.shape}-{call.dtype}")
@pytest.mark.parametrize("namespace", INSTALLED)
def test_gives_the_bytes_of_numpy(namespace, call):
    if namespace == "cupy" and gpus.cupy():
        pytest.skip(gpus.cupy())
    if reason := call.lacks(namespace):
        pytest.skip(reason)
    bits.assert_equal_bits(call.answer(namespace), call.expected())
