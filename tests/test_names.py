"""The core's code names no library: what is known of one is in its record."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import multirrelu

ROOT = Path(multirrelu.__file__).parent
OWN_ROOMS = {"layers", "cli"}  # layers are their frameworks', and the command line shows and measures libraries
CORE = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in OWN_ROOMS)

LIBRARIES = {
    *("awkward", "cupy", "cubed", "dask", "equinox", "flax", "jax", "jaxlib", "keras", "ml_dtypes", "mlx", "ndonnx", "numba", "numpy"),
    *("onnx", "paddle", "pandas", "pint", "polars", "pyarrow", "scipy", "sparse", "tensorflow", "tinygrad", "torch", "triton", "xarray"),
    *("array_api_strict", "astropy", "h5py", "zarr"),
}
ALLOWED = {
    "numpy": {"keys.py", "scalars.py", "refusals.py"},  # plain sequences are its seeds, its bool is a flag, and `x.numpy()` is a cure
}


def words(text):
    """Return the parts of a dotted name, or nothing where a text is no name: messages may say what to call."""
    parts = text.split(".")
    return parts if all(part.isidentifier() for part in parts) else []


def names(source):
    """Yield every name in code: variables, attributes, imports, and strings that are names; docstrings and comments are no code."""
    tree = ast.parse(source)
    docs = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs.add(node.value)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text) if node not in docs:
                yield from words(text)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.arg(arg=name) | ast.keyword(arg=str() as name):
                yield from words(name)
            case ast.ImportFrom(module=str() as name):
                yield from words(name)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_names_no_library(path):
    found = {name for name in names(path.read_text(encoding="utf-8")) if name in LIBRARIES and path.name not in ALLOWED.get(name, ())}
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        "import numpy",
        "import numpy as np",
        "from torch.nn import functional",
        "from ..layers import torch",
        'x = sys.modules.get("jax.numpy")',
        'TABLE = {"cupy": 3}',
        'if name == "dask.array": pass',
        "x = modules.torch",
        "f(torch=1)",
        "def f(jax): pass",
        "match name:\n    case 'cupy': pass",
        "f'{numpy.x}'",
    ],
)
def test_a_name_is_found(code):
    assert LIBRARIES & set(names(code))


@pytest.mark.parametrize(
    "code", ['"""For numpy."""', 'def f():\n    """numpy"""', "# torch", 'raise TypeError("pass numpy.asarray(x)")', "numpyish = 1"]
)
def test_texts_for_people_are_no_code(code):
    assert not LIBRARIES & set(names(code))


def test_what_is_allowed_is_there():
    """An allowance that nobody needs any more goes."""
    for name, files in ALLOWED.items():
        for file in files:
            assert name in names((ROOT / file).read_text(encoding="utf-8"))
    assert {"rrelu.py", "keys.py", "_registry.py", "stream.py", "refusals.py"} <= {path.name for path in CORE}
