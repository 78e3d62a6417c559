"""The core imports no framework, and serves the libraries that are there when NumPy is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import multirrelu
import oracle

FRAMEWORKS = [
    *("array_api_strict", "cupy", "dask", "equinox", "flax", "jax", "jaxlib", "keras", "matplotlib", "mlx", "ml_dtypes", "ndonnx"),
    *("numba", "numpy", "paddle", "rich", "scipy", "sklearn", "sparse", "tensorflow", "torch", "triton"),
    *("multirrelu_backends", "multirrelu_conformance"),
]

CHECK = f"""
import sys
before = set(sys.modules)
import multirrelu
from importlib import import_module
from pkgutil import iter_modules
for module in iter_modules(multirrelu.__path__, "multirrelu."):
    if not module.ispkg and not module.name.endswith("__main__"):  # but layers and commands
        import_module(module.name)
roots = {{name.partition(".")[0] for name in set(sys.modules) - before}}
strangers = roots - set(sys.stdlib_module_names) - {{"multirrelu", "array_api_compat"}}
strangers |= {{name.partition(".")[0] for name in sys.modules}} & set({FRAMEWORKS})
print("from", multirrelu.__file__)
sys.exit(f"imported: {{sorted(strangers)}}" if strangers else 0)
"""

BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
for name in ABSENT:
    try:
        __import__(name)
    except ModuleNotFoundError:
        pass
    else:
        sys.exit(f"{name} is not blocked")
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-W", "ignore:Failed to initialize NumPy", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_the_core_imports_no_framework():
    done = python(CHECK)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"from {multirrelu.__file__}" in done.stdout


@pytest.fixture
def copy(tmp_path):
    """A copy of the package, found before the installed one where PYTHONPATH names its parent."""
    return Path(shutil.copytree(Path(multirrelu.__file__).parent, tmp_path / "multirrelu", ignore=shutil.ignore_patterns("__pycache__")))


def test_the_proof_passes_on_a_faithful_copy(copy):
    done = python(CHECK, PYTHONPATH=str(copy.parent))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"from {copy / '__init__.py'}", "")


@pytest.mark.parametrize("module", ["__init__.py", "layer.py", "stream.py"])
@pytest.mark.parametrize("line", ["import {}", "from {} import __name__ as _"])
@pytest.mark.parametrize("name", ["numpy", "a_stranger"])
def test_the_proof_finds_a_planted_import(copy, module, line, name):
    if name == "numpy":
        pytest.importorskip(name)
    else:
        (copy.parent / f"{name}.py").touch()
    with (copy / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{line.format(name)}\n")
    done = python(CHECK, PYTHONPATH=str(copy.parent))
    assert done.returncode == 1
    assert done.stderr.startswith("imported: [")
    assert f"'{name}'" in done.stderr


def test_the_proof_finds_a_framework_that_was_there_before(tmp_path):
    (tmp_path / "torch.py").touch()
    done = python("import torch\n" + CHECK, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "'torch'" in done.stderr


def test_the_package_imports_where_nothing_is_installed():
    done = python(f"ABSENT = {FRAMEWORKS}{BLOCK}import multirrelu; print(multirrelu.Slopes(0, 1, 3), multirrelu.RReLU())")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Slopes(lower=0.0, upper=1.0, key=3, offset=0, strides=None) RReLU(lower=0.125" in done.stdout


def test_the_core_serves_torch_where_numpy_is_absent(torch):
    use = """
import torch, multirrelu
x = torch.tensor([-1.0, 2.0, -1.0])
y, pullback = multirrelu.rrelu_vjp(x, training=True, rng=42, out=torch.empty(3))
print(y.tolist(), pullback(torch.ones(3)).tolist())
print(multirrelu.rrelu(x, training=True, rng=torch.Generator().manual_seed(1)).tolist()[1])
print(multirrelu.rrelu(x, training=True, inplace=True) is x)
try:
    multirrelu.rrelu(x, rng=[1, 2])
except TypeError as error:
    print(error)
print("numpy" in sys.modules)
"""
    done = python("ABSENT = ['numpy']" + BLOCK + use)
    assert (done.returncode, done.stderr) == (0, "")
    values, second, inplace, error, numpy = done.stdout.splitlines()
    first, third = (oracle.slope(42, i, 1 / 8, 1 / 3) for i in (0, 2))
    assert values == f"{[-first, 2.0, -third]} {[first, 1.0, third]}"
    assert (second, inplace, numpy) == ("2.0", "True", "False")
    assert error.startswith("rng must be an int")


def test_names_of_the_package():
    assert sorted(multirrelu.__all__) == sorted(
        ["Backend", "RReLU", "Slopes", "backend_for", "draw_slopes", "layers", "register", "rrelu", "rrelu_vjp", "scale", "scale_at"]
    )
    assert all(hasattr(multirrelu, name) for name in multirrelu.__all__)


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert multirrelu.__version__ == version("multirrelu")


def test_what_is_listed_is_public():
    assert dir(multirrelu) == sorted([*multirrelu.__all__, "__version__"])
    assert dir(multirrelu.layers) == ["equinox", "flax", "keras", "linen", "torch"]
