"""The suite itself: every test is there once, what is lacking is skipped with its reason, and failures can be read."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")

import numpy as np

import multirrelu
from multirrelu_conformance import Suite, answers, assert_equal_bits, capabilities, statistics, suite_for

pytest_plugins = ["pytester"]


def run(pytester, body, *options):
    """Run a file with a suite and return pytest's result; `-p no:cacheprovider` leaves nothing behind."""
    pytester.makepyfile(test_mine="from multirrelu_conformance import Suite, suite_for\n" + body)
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "-rs", *options)


def test_no_topic_hides_a_test_of_another():
    names = Counter(name for topic in Suite.__mro__ for name in vars(topic) if name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_test_says_what_it_demands():
    assert [name for name in dir(Suite) if name.startswith("test_") and not getattr(Suite, name).__doc__] == []


def test_a_suite_of_one_line_is_collected(pytester):
    result = run(pytester, "TestMine = suite_for('numpy')", "-k", "test_mean or test_sizes")
    result.assert_outcomes(passed=len(statistics.KEYS) + 3, skipped=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*NumPy has no bfloat16 of its own"])


def test_number_of_judgements_is_that_of_the_statistical_tests(pytester):
    body = "from multirrelu_conformance import Statistics\nclass TestMine(Statistics): namespace = 'numpy'"
    result = run(pytester, body, "--collect-only", "-q")
    result.stdout.fnmatch_lines([f"{statistics.number_of_judgements()} tests collected in *"])
    assert statistics.false_alarm_rate() == pytest.approx(statistics.number_of_judgements() * 1e-6, rel=1e-3)
    assert statistics.false_alarm_rate() < 1e-4


def test_missing_library_is_skipped(pytester):
    result = run(pytester, "class TestMine(Suite): namespace = 'no_such_library'", "-k", "test_sizes")
    result.assert_outcomes(skipped=4, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*no_such_library is not installed"])


def test_missing_namespace_is_said(pytester):
    result = run(pytester, "class TestMine(Suite): pass", "-k", "test_default_bounds")
    result.stdout.fnmatch_lines(["*TestMine must set namespace, the name of an array namespace such as 'numpy'"])


def test_own_scale_serves_while_the_suite_runs_and_no_longer(pytester):
    body = """
import multirrelu, numpy

calls = []
before = multirrelu.backend_for(numpy.zeros(1))

def scale(values, gate, slopes, /, *, out=None):
    calls.append(slopes)
    return multirrelu.agnostic.scale(values, gate, slopes, out=out)

class TestMine(suite_for("numpy")):
    backend = scale

def test_after():
    assert calls and multirrelu.backend_for(numpy.zeros(1)) is before
"""
    result = run(pytester, body, "-k", "test_default_bounds or test_after or test_backend_under_test")
    result.assert_outcomes(passed=3, deselected=result.parseoutcomes()["deselected"])


def test_failure_names_position_values_bits_and_context(pytester):
    body = """
from multirrelu import agnostic

def scale(values, gate, slopes, /, *, out=None):
    y = agnostic.scale(values, gate, slopes, out=out)
    if y.size > 100:
        y.reshape(-1)[100] *= 2
    return y

class TestMine(suite_for("numpy")):
    backend = scale
"""
    result = run(pytester, body, "-k", "test_sizes and float32", "--tb=short")
    result.assert_outcomes(failed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.re_match_lines(
        [
            r"E +AssertionError: 1 of 101 elements differ \(float32\), the first at \[100\] of shape \[101\]",
            r"E +actual +\S+ +bits [0-9a-f]{8}",
            r"E +expected +\S+ +bits [0-9a-f]{8}",
            r"E +x +\S+ +bits [0-9a-f]{8}",
            r"E +dtype = 'float32'",
            r"E +size = 101",
        ]
    )
    assert len(result.stdout.lines) < 40


def test_own_lacks_are_skipped_with_their_reason(pytester):
    body = "class TestMine(suite_for('numpy')):\n    lacks = {'writing': 'mine is a museum'}"
    result = run(pytester, body, "-k", "test_out_is_an_input")
    result.assert_outcomes(skipped=8, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*mine is a museum"])


def test_lacks_that_are_not_lacking_fail(pytester):
    lacks = {"float16": "lazy", "writing": "lazy", "negative_strides": "lazy", "scale_at": "lazy", "bfloat16": None}
    body = f"class TestMine(suite_for('numpy')):\n    lacks = {lacks}"
    result = run(pytester, body, "-k", "Limits or is_missing or are_missing and not default_rng")
    result.stdout.fnmatch_lines_random(
        [
            "*numpy has float16, though this is declared: lazy*",
            "*numpy has no bfloat16: declare it, lacks = {'bfloat16': 'the reason'}*",
            "*arrays of numpy are writeable*",
            "*DID NOT RAISE*",
        ]
    )


def test_unknown_capability_is_refused():
    class Mine(Suite):
        lacks = {"flaot16": "a typing error"}  # noqa: RUF012

    with pytest.raises(KeyError, match="no capability is called 'flaot16'; there are float16, bfloat16"):
        capabilities.lacking(Mine)


@pytest.mark.parametrize(
    ("actual", "expected", "match"),
    [
        (np.zeros(3), np.zeros(4), r"the shape is \(3,\), expected \(4,\)"),
        (np.zeros(3), np.zeros(3, dtype=np.float32), "the dtype is float64, expected float32"),
        (np.asarray([0.0, -0.0]), np.zeros(2), r"1 of 2 elements differ \(float64\), the first at \[1\]"),
        (np.asarray(1.0), np.asarray(1.0 + 2**-52), r"1 of 1 elements differ \(float64\), the first at \[\] of shape \[\]"),
        (np.asarray([np.nan]), np.ones(1), "1 of 1 elements differ"),
    ],
    ids=["shape", "dtype", "sign of zero", "last bit", "nan"],
)
def test_bits_that_differ(actual, expected, match):
    with pytest.raises(AssertionError, match=match):
        assert_equal_bits(actual, expected)


def test_bits_of_nan_do_not_matter():
    payloads = np.asarray([0x7FC00000, 0xFFC00001, 0x7FC12345], dtype=np.uint32).view(np.float32)
    assert_equal_bits(payloads, np.full(3, np.nan, dtype=np.float32))
    assert_equal_bits(payloads[::-1], payloads)


def test_import_loads_no_framework(pytester):
    code = "import multirrelu_conformance, sys; assert not {'torch', 'jax', 'cupy', 'array_api_strict'} & set(sys.modules)"
    assert pytester.run(sys.executable, "-W", "error", "-c", code).ret == 0


def test_suite_calls_the_functions_it_is_given():
    assert Suite.api is multirrelu


class Numpy32:
    """NumPy as a machine of 32 bits has it: its default integer is int32, and nothing wider is an index."""

    intp = np.int32

    def __getattr__(self, name):
        return getattr(np, name)

    def arange(self, *limits, dtype=np.int32):
        return np.arange(*limits, dtype=dtype)

    def bincount(self, numbers, minlength):
        return np.bincount(numbers.astype(np.int32, casting="safe"), minlength=minlength)


def test_machines_of_32_bits(monkeypatch):
    class Mine(suite_for("numpy")):
        pass

    for module in (answers, statistics):
        monkeypatch.setattr(module, "np", Numpy32())
    Mine().test_known_digest_of_words(0)
    Mine().test_chi_square(0)
    Mine().test_serial_pairs(1)
    Mine().test_lattice_points_are_equally_likely(0)


def test_what_a_suite_must_define_is_said(pytester):
    body = """
class TestMine(Suite):
    namespace = "numpy"

    def dtype(self, name):
        return float if name == "bfloat16" else super().dtype(name)
"""
    result = run(pytester, body, "-k", "read_only_input or generator_of or global_generator or automatic")
    for method, capability in {
        "read_only": "read_only",
        "generator": "generator",
        "seed_global": "global_generator",
        "gradient": "autograd",
    }.items():
        result.stdout.fnmatch_lines_random([f"*TestMine must define {method}, or declare lacks = {{{capability!r}: 'the reason'}}*"])
