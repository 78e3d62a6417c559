"""One word for one thing: a function called `scale` is the primitive, and one called `scale_at` its companion for any indices."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1]
FILES = sorted(path for folder in ("src", "backends", "conformance") for path in (SOURCES / folder).rglob("*.py"))
PARAMETERS = {"scale": ["values", "gate", "slopes", "/", "out"], "scale_at": ["values", "gate", "index", "slopes", "/"]}
THE_CORES = {(f"multirrelu.{module}", name) for module in ("primitive", "agnostic") for name in PARAMETERS}


def module_of(path):
    """Return the module's name: below the folder that is no package."""
    parts = path.relative_to(SOURCES).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def defined(tree):
    """Yield the functions of these names, methods and inner ones too, with their parameters."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in PARAMETERS:
            given = node.args
            positional = [argument.arg for argument in given.posonlyargs]
            yield node.name, [*positional, "/", *(argument.arg for argument in (*given.args, *given.kwonlyargs))]


def recorded(tree, module):
    """Yield what the records of a module name as their `scale` and `scale_at`: the module that defines it, and its name there."""
    imported = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            imported |= {alias.asname or alias.name: (f"{module}.{node.module}", alias.name) for alias in node.names}
    for node in tree.body:
        match node:
            case ast.Assign(value=ast.Call(func=ast.Name(id="Backend"), keywords=fields)):
                for field in fields:
                    if field.arg in PARAMETERS and isinstance(field.value, ast.Name):  # and no attribute, of whatever name
                        yield imported.get(field.value.id, (module, field.value.id))


def trees():
    return {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def test_a_function_of_this_name_is_what_a_record_names():
    found, named = set(), set(THE_CORES)
    for module, tree in trees().items():
        found |= {(module, name) for name, _ in defined(tree)}
        named |= set(recorded(tree, module))
    assert {("multirrelu_backends.numpy", "scale"), ("multirrelu_backends.torch.routes", "scale")} < named
    assert found == named


def test_its_parameters_are_those_of_the_contract():
    wrong = {
        (module, name): parameters
        for module, tree in trees().items()
        for name, parameters in defined(tree)
        if parameters != PARAMETERS[name]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "code", ["def scale(job, first, last): pass", "def f():\n    def scale(x): pass", "class C:\n    def scale_at(self): pass"]
)
def test_another_one_is_found(code):
    ((name, parameters),) = defined(ast.parse(code))
    assert parameters != PARAMETERS[name]
