"""The suite rejects every wrong backend by the tests that name its defect, and passes right ones in the same run."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

from conformance.mutant_suites import class_name, named
from conformance.mutants import HONEST, MUTANTS
from multirrelu_conformance import Statistics, Suite

HERE = Path(__file__).parent
DEMANDED = (
    "seed ignored",
    "one slope for the array",
    "half the interval",
    "interval off by one lattice point",
    "lanes swapped",
    "counter's high word dropped",
    "gate from the output's sign bit",
    "gate from values",
    "gradient drawn afresh",
    "slopes repeated every 64",
    "strict instead of non-strict predicate",
    "slope rounded to the dtype first",
    "fast-math product",
    "bounds swapped silently",
)


def roots(config):
    """The libraries whose mutants are run: those that are chosen and installed."""
    known = {mutant.namespace.partition(".")[0] for mutant in MUTANTS.values()}
    return sorted(known & set(filter(find_spec, config.getoption("--library") or known)))


def cases_of(results, name, mutant):
    """How the cases of a mutant's tests ended, by test; its library may not be there."""
    if class_name(name) not in results:
        pytest.skip(f"{mutant.namespace} is not installed, or not chosen")
    return results[class_name(name)]


@pytest.fixture(scope="module")
def results(tmp_path_factory, pytestconfig):
    """For each suite of `mutant_suites`, by class: its tests, by name without parameters, and how each case of them ended."""
    report, libraries = tmp_path_factory.mktemp("mutants") / "report.xml", roots(pytestconfig)
    if not libraries:
        pytest.skip("no library of a mutant is installed and chosen")
    command = [sys.executable, "-m", "pytest", HERE / "mutant_suites.py", "-o", "python_files=mutant_suites.py", "-p", "no:cacheprovider"]
    command += ["-q", "--tb=no", "-rN", f"--junitxml={report}", *(f"--library={name}" for name in libraries)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parents[1])
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    outcomes: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for case in ET.parse(report).iter("testcase"):
        ended = {child.tag: child.get("message") for child in case if child.tag in ("failure", "error", "skipped")}
        suite = outcomes.setdefault(case.get("classname").rpartition(".")[2], {})
        suite.setdefault(case.get("name").partition("[")[0], []).append(ended.popitem() if ended else ("passed", ""))
    return outcomes


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_rejected(results, name):
    mutant = MUTANTS[name]
    suite = cases_of(results, name, mutant)
    for test in (*mutant.exact, *mutant.statistics):
        failures = [message for ended, message in suite[test] if ended not in ("passed", "skipped")]
        assert failures, f"{test} does not reject the mutant {name!r}"
        # A mutant that stops with an exception of its own proves nothing about the test.
        others = [message for message in failures if not message.startswith(("AssertionError", "assert ", "Failed: DID NOT RAISE"))]
        assert not others, f"{test} breaks on the mutant {name!r}: {others[0]}"


@pytest.mark.parametrize("name", HONEST)
def test_honest_backend_is_not_rejected(results, name):
    suite = cases_of(results, name, HONEST[name])
    assert set(suite) == (set(HONEST[name].exact) or named(HONEST[name].namespace))
    assert {test: cases for test, cases in suite.items() if not {"passed"} <= {ended for ended, _ in cases} <= {"passed", "skipped"}} == {}


def test_every_test_of_the_suite_is_named_by_a_mutant():
    assert {test for test in dir(Suite) if test.startswith("test_")} == named()


def test_every_demanded_mutant_is_there():
    assert set(DEMANDED) <= set(MUTANTS)


def test_statistics_alone_have_power():
    """Of each mutant whose slopes are distributed wrongly, statistical tests are among those that reject it."""
    alone = {name for name, mutant in MUTANTS.items() if mutant.statistics}
    assert alone >= {"one slope for the array", "half the interval", "slopes repeated every 64", "seed ignored", "slopes of another law"}
    statistical = {test for name in alone for test in MUTANTS[name].statistics}
    assert statistical <= {test for test in dir(Statistics) if test.startswith("test_")}
