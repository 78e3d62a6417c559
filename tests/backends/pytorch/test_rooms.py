"""The modules of PyTorch's backend stand one above the other: none imports one that imports it."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "backends" / "multirrelu_backends" / "torch"
MODULES = {path.stem: path for path in FOLDER.glob("*.py")}


def imported(source):
    """Return the modules of the folder that a module imports, at its top or inside of a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module.partition(".")[0]] if node.module else [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("multirrelu_backends.torch"):
            yield from (node.module.split(".")[2:3] or [name.name for name in node.names])


def order(sources):
    """Return the modules from the bottom to the top."""
    return list(TopologicalSorter({name: {*imported(source)} & {*sources} for name, source in sources.items()}).static_order())


def test_no_module_imports_one_above_it():
    modules = order({name: path.read_text(encoding="utf-8") for name, path in MODULES.items()})
    assert modules[-1] == "__init__"
    assert modules.index("plain") < modules.index("devices") < modules.index("ops") < modules.index("memory") < modules.index("routes")


def test_a_circle_is_found():
    with pytest.raises(CycleError):
        order({"below": "def late():\n    from . import above", "above": "from .below import late"})
