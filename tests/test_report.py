"""``python -m multirrelu``: the path that each library takes, why, and whether the known answers hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from multirrelu import Slopes, _registry, agnostic, answers, register
from multirrelu.__main__ import main
from multirrelu.cli import report

SILENT = """
from multirrelu import Backend, agnostic
def scale(*args, **kwargs):
    return agnostic.scale(*args, **kwargs)
"""
DESCRIBED = SILENT + 'backend = Backend(scale=scale, describe=lambda: "a fast path, 7 threads")'


pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that can be imported."""

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return name

    yield write
    for name in [name for name in sys.modules if name.startswith("somebody")]:
        del sys.modules[name]


@pytest.fixture
def only(monkeypatch):
    """Make the report look for these libraries alone."""
    return lambda *names: monkeypatch.setattr(report, "known", lambda: list(names))


def claim(namespace, value):
    return EntryPoint(namespace, value, _registry.GROUP)


def name_of(xp):
    return xp.__name__.removeprefix("array_api_compat.")


def claimed(name, *values):
    """Make these the claims on a name, and forget its record."""
    vars(_registry._records).pop(name, None)
    _registry._claims[name] = [claim(name, value) for value in values]


def test_known_answers_hold(xp):
    name = name_of(xp)
    row = report.row(name)
    assert (row.library, row.answers) == (name, report.HOLD)
    assert row.version == sys.modules[name].__version__
    borrowed = {"bfloat16"} if name == "numpy" and "ml_dtypes" in sys.modules else set()
    assert row.detail.split(", ") == [dtype for dtype in answers.DTYPES if hasattr(xp, dtype) or dtype in borrowed]


def test_standard_functions_where_nobody_claims_it(xp):
    name = name_of(xp)
    claimed(name)
    row = report.row(name)
    assert (row.path, row.why) == ("standard functions", f"no entry point claims {name}")


def test_what_a_backend_says_of_itself(xp, module):
    name = name_of(xp)
    claimed(name, module("somebody_says", DESCRIBED) + ":backend")
    row = report.row(name)
    assert (row.path, row.why, row.answers) == ("somebody_says", "a fast path, 7 threads", report.HOLD)


def test_backend_that_says_nothing(xp, module):
    name = name_of(xp)
    claimed(name, module("somebody_silent", SILENT) + ":scale")
    row = report.row(name)
    assert (row.path, row.why) == ("somebody_silent", "entry point somebody_silent:scale")


def test_backend_registered_by_hand(xp):
    class Callable:
        def __call__(self, values, gate, slopes, /, *, out=None):
            return agnostic.scale(values, gate, slopes, out=out)

    name = name_of(xp)
    register(name, Callable())
    row = report.row(name)
    assert (row.path, row.why, row.answers) == (__name__, "registered by hand", report.HOLD)


def test_backend_that_failed_to_import(xp, module):
    name = name_of(xp)
    claimed(name, module("somebody_broken", "raise OSError('no such\\ndriver')") + ":scale")
    row = report.row(name)
    assert (row.path, row.answers) == ("standard functions", report.HOLD)
    assert row.why == "somebody_broken:scale failed to import: OSError: no such driver"


def test_backend_registered_by_hand_beside_one_that_fails(xp, module):
    name = name_of(xp)
    claimed(name, module("somebody_fails", "raise OSError('no')") + ":scale")
    register(name, lambda values, gate, slopes, /, *, out=None: agnostic.scale(values, gate, slopes, out=out))
    assert report.row(name).why == "registered by hand; somebody_fails:scale failed to import: OSError: no"


def test_two_claims(xp, module):
    name = name_of(xp)
    claimed(name, module("somebody", SILENT) + ":scale", module("somebody_else", SILENT) + ":scale")
    row = report.row(name)
    assert (row.path, row.answers) == ("", report.CANNOT)
    assert row.detail == f"ValueError: two backends claim the name {name!r}: somebody:scale and somebody_else:scale: uninstall one of them"


def test_second_claim_that_cannot_be_imported(xp, module):
    """It does not count, but the report names it."""
    name = name_of(xp)
    claimed(name, module("somebody", DESCRIBED) + ":backend", module("somebody_else", "1 / 0") + ":scale")
    row = report.row(name)
    assert (row.path, row.answers) == ("somebody", report.HOLD)
    assert row.why == "a fast path, 7 threads; somebody_else:scale failed to import: ZeroDivisionError: division by zero"


def other_key(values, gate, slopes, out):
    return agnostic.scale(values, gate, drawn(slopes, key=7), out=out)


def short_positions(values, gate, slopes, out):
    return agnostic.scale(values, gate, drawn(slopes, offset=getattr(slopes, "offset", 0) % 2**32), out=out)


def narrow(values, gate, slopes, out):
    return agnostic.scale(values, gate, drawn(slopes, upper=getattr(slopes, "upper", 1) * (1 - 2**-22)), out=out)


def other_back(values, gate, slopes, out):
    return agnostic.scale(values, gate, slopes if values is gate else drawn(slopes, key=7), out=out)


def late(values, gate, slopes, out):
    return agnostic.scale(values, gate + 0.01, slopes, out=out)


def drawn(slopes, **changes):
    return replace(slopes, **changes) if isinstance(slopes, Slopes) else slopes


@pytest.mark.parametrize("wrong", [other_key, short_positions, narrow, other_back, late])
def test_wrong_answers(xp, wrong, only, capsys):
    name = name_of(xp)
    only(name)
    register(name, lambda values, gate, slopes, /, *, out=None: wrong(values, gate, slopes, out))
    assert main([]) == 1
    assert f"{report.WRONG}  " in capsys.readouterr().out
    row = report.row(name)
    assert re.fullmatch(
        r"float\d\d, (slopes of |slope \d+ of |pullback of )?key \d+.*: element \d+ is -?[\d.einf-]+, expected -?[\d.einf-]+", row.detail
    )


def test_a_folder_of_its_name_is_no_library(tmp_path, monkeypatch):
    """As one in the working directory, which Python searches first; a library in a namespace package, as MLX's is, is one."""
    for folder in ("somebody_folder", "somebody_space"):
        (tmp_path / folder).mkdir()
    (tmp_path / "somebody_space" / "core.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    names = ("somebody_folder", "somebody_folder.core", "somebody_space.core", "json", "json.decoder", "somebody_nowhere.core")
    assert [report.installed(name) for name in names] == [False, False, True, True, True, False]


def test_library_that_cannot_compute_the_answers(xp, only, capsys):
    def refuse(values, gate, slopes, /, *, out=None):
        raise TypeError("64-bit integers are\nswitched off")

    name = name_of(xp)
    register(name, refuse)
    only(name)
    assert main([]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(name)]
    assert line.endswith(f"{report.CANNOT:15}{__name__}: registered by hand; TypeError: 64-bit integers are switched off")


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("import ctypes; raise OSError('libgpu.so is missing')", "OSError: libgpu.so is missing"),
        ("asarray = list", "TypeError: expected an array, got a list: pass an array of it, such as numpy.asarray(x, dtype='float32')"),
        ("", "AttributeError: module 'somebody' has no attribute 'asarray'"),
    ],
)
def test_installed_but_useless(module, only, capsys, source, detail):
    only(module("somebody", source))
    assert main([]) == 0
    (row,) = report.report()
    assert (row.path, row.why, row.answers, row.detail) == ("", "", report.CANNOT, detail)
    assert f"none; {detail}" in capsys.readouterr().out


def test_not_installed(only, capsys):
    only("somebody_nowhere", "somebody_else.array")
    assert main([]) == 0
    assert report.report() == []
    assert "\nnot installed: somebody_nowhere, somebody_else.array\n" in capsys.readouterr().out


def test_registered_libraries_are_looked_for():
    register("somebody.array", agnostic.scale)
    _registry._claims["somebody_else"] = [claim("somebody_else", "a:scale")]
    names = report.known()
    assert {"array_api_strict", "numpy", "jax.numpy", "somebody.array", "somebody_else"} <= set(names)
    assert len(names) == len(set(names))


def test_json(xp, only, capsys):
    only(name_of(xp))
    assert main(["--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (library,) = said["libraries"]
    assert report.Row(**library) == report.row(name_of(xp))
    assert {"multirrelu", "python", "platform"} < set(said)


def test_dtype_that_is_given_as_another_is_left_out():
    floats = {"float32": "float32", "float64": "float64"}
    xp = SimpleNamespace(__name__="somebody", **floats, asarray=lambda values, dtype: SimpleNamespace(dtype="float32"))
    assert [name for name in answers.DTYPES if answers.has(xp, name)] == ["float32"]


def test_dtype_that_another_package_brings_is_asked_for_too(np):
    """NumPy and CuPy have no bfloat16 of their own, but take that of ml_dtypes."""
    pytest.importorskip("ml_dtypes")
    assert answers.has(np, "bfloat16")
    for question, got, expected in answers.values(np, "bfloat16"):
        assert got.dtype == "bfloat16"
        assert np.array_equal(got, np.asarray(expected, dtype=got.dtype)), question


@pytest.mark.parametrize("error", [TypeError, ValueError, AttributeError, KeyError, RuntimeError])
def test_dtype_that_a_library_refuses(error):
    def asarray(values, dtype):
        raise error(dtype)

    assert not answers.has(SimpleNamespace(asarray=asarray), "bfloat16")


@pytest.mark.parametrize(
    ("bits", "dtype", "value"),
    [
        ("3555", "float16", 0.333251953125),
        ("3eab", "bfloat16", 0.333984375),
        ("c0490fdb", "float32", -3.1415927410125732),
        ("3ff8000000000000", "float64", 1.5),
    ],
)
def test_number_of_bits(bits, dtype, value):
    assert answers.number(bits, dtype) == value


def test_answers_that_are_missing(monkeypatch):
    answers.vectors.cache_clear()
    monkeypatch.setattr(answers, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="multirrelu_conformance, which holds the known answers, is missing"):
        report.report()


def test_as_a_program():
    """In a process of its own: plain text, and nothing of the demo's or the suite's is imported."""
    code = (
        "import runpy, sys; sys.argv = ['multirrelu']\n"
        "try: runpy.run_module('multirrelu', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "print(code, [name for name in ('rich', 'matplotlib', 'sklearn', 'pytest', 'multirrelu_conformance') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    lines = done.stdout.decode("ascii").splitlines()
    assert lines[0].startswith("multirrelu ")
    assert lines[2].split() == ["library", "version", "known", "answers", "path", "and", "why"]
    assert lines[-1] == "0 []"
    assert not any(ord(character) < 32 for line in lines for character in line)
