"""One suite for each mutant, of the tests that must reject it; and for each honest backend, of all of these tests."""

from __future__ import annotations

from conformance.mutants import HONEST, MUTANTS
from multirrelu_conformance import suite_for

Suite = suite_for("numpy")

NAMED = {name for mutant in MUTANTS.values() for name in (*mutant.exact, *mutant.statistics)}


def class_name(name: str) -> str:
    return "Test" + "".join(character if character.isalnum() else "_" for character in name)


def suite(name, mutant, tests):
    others = {test: None for test in dir(Suite) if test.startswith("test_") and test not in tests}
    told = {"samples": 1 << 18, "backend": mutant.scale, "api": mutant.api}
    return type(class_name(name), (Suite,), told | others)


for name, mutant in MUTANTS.items():
    globals()[class_name(name)] = suite(name, mutant, (*mutant.exact, *mutant.statistics))
for name, mutant in HONEST.items():
    globals()[class_name(name)] = suite(name, mutant, NAMED)
