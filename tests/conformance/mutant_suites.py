"""One suite for each mutant, of the tests that must reject it; for each honest backend, of all tests that mutants of its library name."""

from __future__ import annotations

from conformance.mutants import HONEST, MUTANTS
from multirrelu_conformance import suite_for


def class_name(name: str) -> str:
    return "Test" + "".join(character if character.isalnum() else "_" for character in name)


def named(namespace: str | None = None) -> set[str]:
    """Return the tests that mutants name, of one library or of all."""
    mutants = (mutant for mutant in MUTANTS.values() if namespace in (None, mutant.namespace))
    return {name for mutant in mutants for name in (*mutant.exact, *mutant.statistics)}


def suite(name, mutant, tests):
    known = suite_for(mutant.namespace)
    others = {test: None for test in dir(known) if test.startswith("test_") and test not in tests}
    told = {"samples": 1 << 18, "backend": mutant.backend, "api": mutant.api, **mutant.suite}
    return type(class_name(name), (known,), told | others)


for name, mutant in MUTANTS.items():
    globals()[class_name(name)] = suite(name, mutant, (*mutant.exact, *mutant.statistics))
for name, mutant in HONEST.items():
    globals()[class_name(name)] = suite(name, mutant, mutant.exact or named(mutant.namespace))
