"""That the soak sees what it looks for: children that crash, hang, are wrong or write late; `nox -s soak` runs it for long."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from textwrap import indent

import numpy as np
import pytest

pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")
pytest.importorskip("resource", reason="this system knows no limits on files")

from soak import __main__ as command
from soak.cache import DAMAGES, damaged
from soak.problems import LateError, Problem, seal, untouched
from soak.watch import End, watch

BROKEN = """
import threading, time
import multirrelu
from soak.scenarios import SCENARIOS

def scale(values, gate, slopes, /, *, out=None):
    result = right(values, gate, slopes, out=out)
{broken}
    return result

right = multirrelu.backend_for(__import__("numpy").zeros(1))
multirrelu.register("numpy", scale)
SCENARIOS[{scenario!r}]("numpy", 2, 0)
"""
LATE = """
try:
    time.sleep(0.01)
except BaseException:
    threading.Timer(0.002, lambda: result.fill(0)).start()
    raise
"""
SWALLOWED = """
try:
    time.sleep(0.01)
except BaseException:
    pass
"""


class TestWatch:
    namespace = "numpy"

    @pytest.mark.parametrize(
        ("code", "how", "said"),
        [
            ("print('{\"calls\": 3}')", "", ""),
            ("import os; os.kill(os.getpid(), 9)", "crashed", "SIGKILL"),
            ("import ctypes; ctypes.string_at(0)", "crashed", "Fatal Python error: Segmentation fault"),
            ("import time; time.sleep(60)", "hung", "line 1 in <module>"),
            ("import os, time; os.fork(); time.sleep(60)", "hung", "line 1 in <module>"),
            ("assert 1 == 2, '3 bytes are wrong'", "wrong", "3 bytes are wrong"),
        ],
    )
    def test_how_children_end(self, code, how, said):
        end = watch(["-c", code], seconds=3 if how == "hung" else 60)
        assert end.how == how, end.said
        assert re.search(said, end.said)
        assert end.counts == (Counter(calls=3) if how == "" else Counter())

    @pytest.mark.parametrize(
        ("broken", "scenario", "how", "said"),
        [
            (LATE, "signals", "wrote late", "bytes were written late"),
            (SWALLOWED, "signals", "wrong", "the exception of a handler was swallowed"),
            ("result[result.size // 2] = 0", "threads", "wrong", "bytes are wrong, from byte"),  # of either dtype
            ("result[-1] = 0", "forks", "wrong", "bytes are wrong"),
            ("import ctypes; ctypes.string_at(0)", "threads", "crashed", "Segmentation fault"),
        ],
        ids=["late", "swallowed", "wrong", "wrong beside forks", "crash"],
    )
    def test_what_scenarios_find(self, broken, scenario, how, said):
        code = BROKEN.format(broken=indent(broken, "    "), scenario=scenario)
        end = watch(["-c", code], seconds=120, environment={"PYTHONPATH": os.pathsep.join(sys.path)})
        assert end.how == how, end.said
        assert said in end.said

    @pytest.mark.parametrize("scenario", ["threads", "forks", "signals", "first", "calls on a full disk"])
    def test_a_second_of_each(self, scenario):
        end = watch(["-m", "soak.child", scenario, "numpy", "1", "0"], 120, {"PYTHONPATH": os.pathsep.join(sys.path)})
        assert end.how == "", end.said
        assert end.counts["calls"] > 0


class TestProblem:
    namespace = "numpy"

    def test_one_wrong_bit(self):
        problem = Problem("numpy", 100, 3)
        problem.compare(problem.expected)
        wrong = problem.expected.copy()
        wrong.view(np.uint8)[7] ^= 1
        with pytest.raises(AssertionError, match=r"^1 bytes are wrong, from byte 7 to byte 7 of 400: key 3$"):
            problem.compare(wrong)

    def test_a_late_write(self):
        array = np.zeros(5)
        seal(array)
        untouched(array)
        array[4] = 1
        with pytest.raises(LateError, match=r"^8 bytes were written late, from byte 32 to byte 39$"):
            untouched(array)


class TestCache:
    namespace = "numpy"

    @pytest.mark.parametrize("what", DAMAGES)
    def test_damage(self, tmp_path, monkeypatch, what):
        """The second child finds what the first has left, but for the damage, and the next pair finds the same."""
        monkeypatch.setattr("soak.cache.DAMAGES", {what: DAMAGES[what]})
        seen = []

        def child(scenario, cache):
            if scenario == "calls" and cache.name == "pristine":
                (cache / "package").mkdir(parents=True)
                for name in ("one.nbi", "one.nbc", "two.nbc"):
                    (cache / "package" / name).write_bytes(bytes(range(100)))
            seen.append((scenario, contents(cache)))
            return End("", Counter(calls=1), "well")

        for seed in range(2):
            assert damaged(child, tmp_path, np.random.default_rng(seed)) == End("", Counter(calls=1), f"{what}: well")
        (_, before), *after = seen
        assert [scenario for scenario, _ in after] == ["calls on a full disk" if what == "the disk is full" else "calls"] * 2
        assert all(found != before for _, found in after)
        assert contents(tmp_path / "pristine") == before

    def test_a_child_that_fails_without_damage(self, tmp_path):
        assert damaged(lambda *given: End("hung", Counter(), "here"), tmp_path, np.random.default_rng(0)).how == "hung"


def contents(folder):
    kinds = {path.relative_to(folder): path.read_bytes() if path.is_file() else path.is_symlink() for path in folder.rglob("*")}
    return kinds or folder.exists()


class TestCommand:
    namespace = "numpy"

    def test_what_is_found_is_said(self, monkeypatch, capsys):
        ends = iter([End("", Counter(calls=1200), ""), End("crashed", Counter(), "SIGSEGV here"), End("", Counter(calls=34), "")])
        asked = []

        def soak(*given):
            asked.append(given[:4])
            end = next(ends)
            monkeypatch.setattr(command.time, "monotonic", lambda: 0 if len(asked) < 3 else 1e9)
            return end

        monkeypatch.setattr(command, "soak", soak)
        arguments = ["--library", "numpy", "--scenario", "forks", "--scenario", "cache", "--seed", "5", "--each", "2"]
        assert command.main(arguments) == 1
        assert asked == [("forks", "numpy", 5, 2), ("cache", "numpy", 5, 2), ("forks", "numpy", 6, 2)]
        again = "nox -s soak -- --scenario cache --library numpy --seed 5 --each 2.0 --minutes 0.01"
        assert capsys.readouterr().out.splitlines() == [
            f"cache on numpy crashed -- again: {again}",
            "SIGSEGV here",
            "forks    numpy     2 processes, 0 crashed, 0 hung, 0 wrote late, 0 wrong; 1,234 calls",
            "cache    numpy     1 processes, 1 crashed, 0 hung, 0 wrote late, 0 wrong; ",
        ]

    def test_no_process_is_no_success(self):
        assert command.main(["--library", "numpy", "--minutes", "-1"]) == 1
