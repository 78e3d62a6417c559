"""A library outside of the repository, installed by its own metadata: everything works, and not a line of ours knows it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import multirrelu
import oracle
from multirrelu import Slopes, backend_for, draw_slopes, rrelu, rrelu_vjp, scale
from multirrelu.cli import report
from multirrelu.keys import accepted

LIBRARY = Path(__file__).parent / "third_party"
VALUES = [[-1.0, 2.0, -3.0], [-0.5, 0.0, 4.0]]
ENTRY_POINTS = "[multirrelu.backends]\nstranger = stranger_rrelu:backend\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder where the library is installed, as pip would do it."""
    pytest.importorskip("numpy")
    site = tmp_path_factory.mktemp("site")
    for module in ("stranger.py", "stranger_rrelu.py"):
        shutil.copy(LIBRARY / module, site)
    info = site / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


@pytest.fixture
def stranger(site, registry, monkeypatch):
    """The library, in a process that read no metadata yet."""
    monkeypatch.syspath_prepend(site)
    registry._claims = None
    yield import_module("stranger")
    for module in ("stranger", "stranger_rrelu"):
        sys.modules.pop(module, None)


@pytest.fixture
def x(stranger):
    return stranger.asarray(VALUES)


def rounded(values, slopes, dtype):
    return [[oracle.scaled(v, v, s, dtype) for v, s in zip(*rows, strict=True)] for rows in zip(values, slopes, strict=True)]


def drawn(key, first=0, bounds=(1 / 8, 1 / 3)):
    return [[oracle.slope(key, first + 3 * i + j, *bounds) for j in range(3)] for i in range(2)]


def scaled(values, gates, slopes):
    return [[v * s if g <= 0 else v for v, g, s in zip(*rows, strict=True)] for rows in zip(values, gates, slopes, strict=True)]


def test_nobody_knows_it(x):
    """The test is worth something as long as this holds."""
    import array_api_compat

    assert not array_api_compat.is_array_api_obj(x)
    assert not any(hasattr(x, name) for name in ("device", "__dlpack__", "__array__", "__array_interface__", "__array_namespace__"))
    ours = (path for root in ("src", "backends") for path in (Path(__file__).parents[1] / root).rglob("*.py"))
    assert not any("stranger" in re.findall(r"\w+", path.read_text()) for path in ours if "third_party" not in path.parts)


def test_it_is_found(x):
    assert backend_for(x).accepts == "a stranger.Generator"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_modes(stranger, dtype):
    x = stranger.asarray(VALUES, dtype=getattr(stranger, dtype))
    got = rrelu(x, training=True, rng=42)
    assert (type(got), got.dtype) == (stranger.Array, x.dtype)
    assert got.tolist() == rounded(VALUES, drawn(42), dtype)
    assert rrelu(x, 0.25, 0.5).tolist() == scaled(VALUES, VALUES, [[0.375] * 3] * 2)
    assert rrelu(x, 0.25, 0.25, training=True).tolist() == scaled(VALUES, VALUES, [[0.25] * 3] * 2)


def test_its_pullback(stranger, x):
    y, pullback = rrelu_vjp(x, training=True, rng=42)
    g = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert pullback(stranger.asarray(g)).tolist() == scaled(g, VALUES, drawn(42))
    assert y.tolist() == scaled(VALUES, VALUES, drawn(42))


def test_its_pullback_keeps_what_is_written_over(stranger, x):
    _, pullback = rrelu_vjp(x, -0.5, 0.5, training=True, rng=42, inplace=True)
    ones = stranger.ones((2, 3))
    assert pullback(ones).tolist() == scaled(ones.tolist(), VALUES, drawn(42, bounds=(-0.5, 0.5)))


def test_its_slopes(stranger, x):
    assert draw_slopes(x, rng=42).tolist() == drawn(42)
    assert draw_slopes(x, 0.25, 0.25, rng=42).tolist() == [[0.25] * 3] * 2
    assert scale(x, x, Slopes(1 / 8, 1 / 3, 42, offset=7)).tolist() == scaled(VALUES, VALUES, drawn(42, 7))
    assert draw_slopes(x, rng=42, shared_axes=0).tolist() == [drawn(42)[0]] * 2


def test_where_it_is_written(stranger, x):
    wanted = rrelu(x, training=True, rng=42).tolist()
    out = stranger.zeros((2, 3))
    assert rrelu(x, training=True, rng=42, out=out) is out
    assert rrelu(x, training=True, rng=42, inplace=True) is x
    assert out.tolist() == x.tolist() == wanted
    memory = stranger.ones(8)
    with pytest.raises(ValueError, match=r"^out overlaps x in part: it must be the same elements or other memory$"):
        rrelu(memory[:6], out=memory[2:])


def test_its_generator(stranger, x):
    rng, twin = stranger.Generator(5), stranger.Generator(5)
    for _ in range(2):
        assert rrelu(x, training=True, rng=rng).tolist() == rrelu(x, training=True, rng=twin.bits()).tolist()
    rrelu(x, rng=rng)
    assert rng.bits() == twin.bits()


def test_its_generator_on_an_array_of_numpys(stranger, np):
    x, key = np.asarray(VALUES), stranger.Generator(5).bits()
    assert rrelu(x, training=True, rng=stranger.Generator(5)).tolist() == rrelu(x, training=True, rng=key).tolist()


def test_its_global_seed(stranger, x):
    stranger.seed(3)
    first, second = rrelu(x, training=True).tolist(), rrelu(x, training=True).tolist()
    stranger.seed(3)
    assert rrelu(x, training=True).tolist() == first != second


def test_its_0d_arrays_are_keys(stranger, x):
    assert rrelu(x, training=True, rng=stranger.asarray(42)).tolist() == scaled(VALUES, VALUES, drawn(42))
    assert draw_slopes(x, rng=stranger.asarray(-1)).tolist() == drawn(2**64 - 1)


def test_its_errors(stranger, x, np):
    assert ", a stranger.Generator, " in accepted() + ", "
    for wrong, error, message in (
        ({"rng": "a"}, TypeError, r"^rng must be an int in .*, a stranger\.Generator(, .+)?, or None; got 'a' of type str$"),
        ({"rng": stranger.ones(2)}, TypeError, r"^rng must be .+; got an Array of stranger of shape \(2,\) and dtype float64$"),
        ({"lower": 2}, ValueError, r"^lower must not exceed upper, got lower=2\.0 and upper=0\.3"),
        ({"out": np.ones((2, 3))}, TypeError, r"^out is an array of numpy, but x is one of stranger$"),
        ({"out": stranger.ones((3, 2))}, ValueError, r"^out has shape \(3, 2\), but x has shape \(2, 3\)$"),
        ({"out": stranger.astype(x, stranger.float32)}, ValueError, r"^out has dtype float32, but x has dtype float64$"),
    ):
        state = stranger.everyones._source.getstate()
        with pytest.raises(error, match=message):
            rrelu(x, training=True, **wrong)
        assert stranger.everyones._source.getstate() == state
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes .+, got int64: convert it to float32$"):
        rrelu(stranger.asarray([1, 2]))
    with pytest.raises(TypeError, match=r"^expected an array, got a Generator of stranger$"):
        rrelu(stranger.everyones)


def test_its_row_in_the_report(stranger):
    row = report.row("stranger")
    assert (row.library, row.path, row.answers) == ("stranger", "standard functions", report.HOLD)
    assert {"float32", "float64"} <= set(row.detail.split(", "))
    assert row.why == "the standard functions, in stranger's own"
    assert "stranger" in report.known()


def test_in_a_process_of_its_own(site):
    """From the command line, where the library is imported after multirrelu, and by its user."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}

    def run(*command):
        return subprocess.run([sys.executable, "-W", "error", *command], capture_output=True, text=True, env=env, check=True).stdout

    code = "import multirrelu, stranger; print(multirrelu.rrelu(stranger.asarray([-1.0, 2.0]), training=True, rng=42).tolist())"
    assert run("-c", code) == f"{[-oracle.slope(42, 0, 1 / 8, 1 / 3), 2.0]}\n"
    assert re.search(
        r"^stranger +hold +standard functions: the standard functions, in stranger's own$", run("-m", "multirrelu"), re.MULTILINE
    )
    assert multirrelu.__version__ in run("-m", "multirrelu", "--version")
