"""``python -m multirrelu conformance``: the suite runs without a file, and its outcome is the exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from multirrelu.__main__ import main
from multirrelu.cli.command import conformance
from multirrelu.cli.command.outcomes import Outcomes

pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

BACKENDS = """
from multirrelu import agnostic

def right(values, gate, slopes, /, *, out=None):
    return agnostic.scale(values, gate, slopes, out=out)

def wrong(values, gate, slopes, /, *, out=None):
    return agnostic.scale(values, gate + 1, slopes, out=out)

class Holder:
    scale = staticmethod(wrong)

number = 3
"""


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A folder with a module of backends, and with settings that are none of the suite's business."""
    (tmp_path / "mine_here.py").write_text(BACKENDS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('this is not to be read')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("mine_here", None)


def run(*arguments):
    command = [sys.executable, "-m", "multirrelu", "conformance", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "FORCE_COLOR")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_registered_backend_passes():
    done = run("--namespace", "numpy", "--", "-k", "test_sizes")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("numpy ")
    assert ", multirrelu_backends.numpy: " in lines[0]
    assert "3 passed, 1 skipped, " in lines[-1]
    assert "\x1b" not in done.stdout


def test_a_strangers_suite_is_found_and_passes_by_what_it_can(tmp_path, monkeypatch):
    """A library, its backend and its suite, installed from a folder of their own: not a line of ours knows them."""
    for module in ("stranger", "stranger_rrelu", "stranger_suite"):
        shutil.copy(Path(__file__).parent / "third_party" / f"{module}.py", tmp_path)
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    groups = {"backends": "stranger_rrelu:backend", "suites": "stranger_suite:StrangerSuite"}
    entries = "".join(f"[multirrelu.{group}]\nstranger = {value}\n" for group, value in groups.items())
    (info / "entry_points.txt").write_text(entries)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = run("--namespace", "stranger", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["failures"]) == (0, [])
    assert (said["namespace"], said["suite"]) == ("stranger", groups["suites"])
    assert said["passed"] > 900
    assert done.stderr.startswith("stranger, standard functions: the standard functions, in stranger's own\nby stranger_suite")


def test_wrong_backend_is_found_and_json_stands_alone():
    done = run("--namespace", "numpy", "--backend", "mine_here:Holder.scale", "--json", "--", "-k", "test_sizes and float32", "--tb=no")
    assert done.returncode == 1
    assert "1 failed" in done.stderr  # pytest speaks there
    said = json.loads(done.stdout)
    assert (said["namespace"], said["backend"], said["why"]) == ("numpy", "mine_here:Holder.scale", "named by --backend")
    assert {what: said[what] for what in ("passed", "failed", "errors", "skipped", "exit_code")} == {
        "passed": 0,
        "failed": 1,
        "errors": 0,
        "skipped": 0,
        "exit_code": 1,
    }
    (failure,) = said["failures"]
    assert failure["test"] == "TestNumpy::test_sizes[float32]"
    assert "elements differ (float32)" in failure["why"]
    assert said["seconds"] > 0


def test_other_processes_find_the_suite_too():
    pytest.importorskip("xdist")
    done = run("--namespace", "numpy", "--backend", "mine_here:right", "--json", "--", "-k", "test_sizes", "-n", "2")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["passed"], said["skipped"], said["failed"]) == (3, 1, 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [(["-k", "there_is_no_such_test"], "0 selected"), (["--no-such-option"], "unrecognized arguments: --no-such-option")],
    ids=["nothing chosen", "unknown option"],
)
def test_nothing_was_chosen(options, reason):
    done = run("--namespace", "numpy", "--", *options)
    assert done.returncode == 2
    assert reason in done.stdout + done.stderr


def test_tests_that_are_all_skipped_are_no_verdict():
    done = run("--namespace", "numpy", "--json", "--", "-k", "test_sizes and bfloat16")
    said = json.loads(done.stdout)
    assert said["passed"] == said["failed"] == 0
    assert (done.returncode, said["exit_code"]) == (2, 2)
    assert "multirrelu: no test passed or failed: nothing was tested" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["numpyy"], "not installed: numpyy"),
        (["json"], r"json is no namespace of arrays, as array_api_strict, .+ are: AttributeError: "),
        (["numpy.nothing"], r"numpy.nothing is no namespace of arrays, as array_api_strict, .+ are: ModuleNotFoundError: "),
        (["numpy", "--backend", "nowhere_here:scale"], "--backend nowhere_here:scale cannot be imported: ModuleNotFoundError: No module"),
        (["numpy", "--backend", "mine_here:nothing"], "--backend mine_here:nothing cannot be imported: AttributeError: "),
        (["numpy", "--backend", "mine_here:number"], "--backend mine_here:number is no Backend and no function, but 3 of type int"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_before_anything_runs(capsys, arguments, complaint):
    assert main(["conformance", "--namespace", *arguments]) == 2
    said, error = capsys.readouterr()
    assert said == ""
    assert re.match(f"multirrelu: {complaint}", error)


@pytest.mark.parametrize("module", ["pytest", "scipy"])
def test_what_the_suite_needs(capsys, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["conformance", "--namespace", "numpy"]) == 2
    assert capsys.readouterr() == ("", f'multirrelu: the suite needs {module}: pip install "multirrelu[conformance]"\n')


@pytest.mark.parametrize(("status", "code"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 2), (5, 2)])
def test_exit_codes(monkeypatch, capsys, status, code):
    monkeypatch.setattr(pytest, "main", lambda options, plugins: plugins[0].counts.update(passed=1) or status)
    assert main(["conformance", "--namespace", "numpy", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code


def test_interrupted(monkeypatch):
    monkeypatch.setattr(pytest, "main", lambda options, plugins: plugins[0].pytest_keyboard_interrupt() or 2)
    assert main(["conformance", "--namespace", "numpy"]) == 130


def report(when, outcome, text="it broke", crash=None):
    longrepr = SimpleNamespace(reprcrash=SimpleNamespace(message=crash)) if crash else text
    flags = {name: outcome == name for name in ("passed", "failed", "skipped")}
    return SimpleNamespace(when=when, outcome=outcome, nodeid="test_conformance.py::TestIt::test_it", longrepr=longrepr, **flags)


def test_each_test_counts_once():
    outcomes = Outcomes()
    for when, outcome in [
        *(("setup", "passed"), ("call", "passed"), ("teardown", "passed")),
        *(("setup", "skipped"), ("teardown", "passed")),
        *(("setup", "passed"), ("call", "skipped"), ("teardown", "passed")),
    ]:
        outcomes.pytest_runtest_logreport(report(when, outcome))
    outcomes.pytest_runtest_logreport(report("setup", "failed"))
    outcomes.pytest_runtest_logreport(report("call", "failed", crash="AssertionError: no"))
    summary = outcomes.summary()
    assert [summary[what] for what in ("passed", "failed", "errors", "skipped")] == [1, 1, 1, 2]
    assert summary["failures"] == [{"test": "TestIt::test_it", "why": why} for why in ("it broke", "AssertionError: no")]


@pytest.mark.parametrize("backend", [None, "mine_here:Holder.scale"])
def test_file_of_the_suite(backend, tmp_path):
    names: dict = {}
    exec(conformance.source("jax.numpy", backend), names)
    suite = names["TestJaxNumpy"]
    assert (suite.namespace, len(suite.sizes)) == ("jax.numpy", 6)
    assert (suite.backend is None) == (backend is None)
