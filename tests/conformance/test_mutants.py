"""The suite rejects every wrong backend by the tests that name its defect, and passes right ones in the same run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

Statistics = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed").Statistics

from conformance.mutant_suites import NAMED, class_name  # noqa: E402
from conformance.mutants import HONEST, MUTANTS  # noqa: E402

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


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """For each suite of `mutant_suites`, by class: its tests, by name without parameters, and how each case of them ended."""
    report = tmp_path_factory.mktemp("mutants") / "report.xml"
    command = [sys.executable, "-m", "pytest", HERE / "mutant_suites.py", "-o", "python_files=mutant_suites.py", "-p", "no:cacheprovider"]
    command += ["-q", "--tb=no", "-rN", f"--junitxml={report}"]
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
    mutant, suite = MUTANTS[name], results[class_name(name)]
    for test in (*mutant.exact, *mutant.statistics):
        failures = [message for ended, message in suite[test] if ended not in ("passed", "skipped")]
        assert failures, f"{test} does not reject the mutant {name!r}"
        # A mutant that stops with an exception of its own proves nothing about the test.
        others = [message for message in failures if not message.startswith(("AssertionError", "Failed: DID NOT RAISE"))]
        assert not others, f"{test} breaks on the mutant {name!r}: {others[0]}"


@pytest.mark.parametrize("name", HONEST)
def test_honest_backend_is_not_rejected(results, name):
    suite = results[class_name(name)]
    assert set(suite) == NAMED
    assert {test: cases for test, cases in suite.items() if not {"passed"} <= {ended for ended, _ in cases} <= {"passed", "skipped"}} == {}


def test_every_demanded_mutant_is_there():
    assert set(DEMANDED) <= set(MUTANTS)


def test_statistics_alone_have_power():
    """Of each mutant whose slopes are distributed wrongly, statistical tests are among those that reject it."""
    alone = {name for name, mutant in MUTANTS.items() if mutant.statistics}
    assert alone >= {"one slope for the array", "half the interval", "slopes repeated every 64", "seed ignored", "slopes of another law"}
    statistical = {test for name in alone for test in MUTANTS[name].statistics}
    assert statistical <= {test for test in dir(Statistics) if test.startswith("test_")}
