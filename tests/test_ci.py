"""The tools of .ci: one version in every file that names it, what a release must have, how constraints and times are renewed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import multirrelu

ROOT = Path(__file__).parents[1]
METADATA = "Name: multirrelu\nVersion: {version}\n{urls}\n![A picture]({picture}) and [an address](https://example.org/)\n"
CHANGES = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2030-01-02\n"
CITATION = "cff-version: 1.2.0\nversion: 1.2.0\ndate-released: 2030-01-02\n"


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def tool(name):
    """Return a module of .ci, which is no package."""
    spec = spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_version_is_the_same_in_every_file():
    version, cited = multirrelu.__version__, re.findall(r"^version: (.+)$", text("CITATION.cff"), re.MULTILINE)
    first, *others = re.findall(r"^## \[(.+?)\]", text("CHANGELOG.md"), re.MULTILINE)
    if ".dev" in version:  # what the files describe has no release yet
        assert first == "Unreleased"
        assert version.partition(".dev")[0] not in [*others, *cited]
        assert f"until then the version is {version}" in text("CHANGELOG.md")
    else:
        assert version in {first, *others[:1]}
        assert cited == [version]


def test_hooks_have_the_versions_of_the_constraints():
    pins = re.findall(r"[\w.-]+==[\w.]+", text(".pre-commit-config.yaml"))
    assert {"ruff", "mypy", "zizmor", "check-jsonschema"} <= {pin.partition("==")[0] for pin in pins}
    assert set(pins) <= set(text("constraints.txt").splitlines())


def metadata(version="1.2.0", urls="Project-URL: Source, https://example.org/\n", picture="https://example.org/a.png"):
    return METADATA.format(version=version, urls=urls, picture=picture)


def test_release_that_lacks_nothing():
    assert list(tool("release").problems("v1.2.0", metadata(), CHANGES, CITATION)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("1.2.0", metadata(), CHANGES, CITATION), "the tag of version 1.2.0 is v1.2.0, got 1.2.0"),
        (("v1.3.dev0", metadata("1.3.dev0"), CHANGES, CITATION), "1.3.dev0 is not the version of a release"),
        (("v1.2.0", metadata(), CHANGES.replace(" - 2030-01-02", ""), CITATION), "CHANGELOG.md has no heading `## [1.2.0] - YYYY-MM-DD`"),
        (
            ("v1.2.0", metadata(), CHANGES, CITATION.replace("version: 1.2.0\n", "")),
            "CITATION.cff has no line `version: 1.2.0`",
        ),
        (("v1.2.0", metadata(), CHANGES, CITATION.replace("2030", "2029")), "CITATION.cff has no line `date-released: 2030-01-02`"),
        (("v1.2.0", metadata(urls=""), CHANGES, CITATION), "pyproject.toml has no [project.urls]"),
        (("v1.2.0", metadata(picture="docs/a.png"), CHANGES, CITATION), "the README on an index has 1 links to files"),
    ],
    ids=["tag", "development", "changes", "citation", "date", "address", "picture"],
)
def test_release_that_lacks_something(arguments, said):
    assert any(problem.startswith(said) for problem in tool("release").problems(*arguments))


def test_release_is_checked_in_its_sdist(tmp_path, capsys):
    root, sdist = tmp_path / "multirrelu-1.2.0", tmp_path / "multirrelu-1.2.0.tar.gz"
    root.mkdir()
    for name, content in {"PKG-INFO": metadata(), "CHANGELOG.md": CHANGES, "CITATION.cff": CITATION}.items():
        (root / name).write_text(content, encoding="utf-8")
    with tarfile.open(sdist, "w:gz") as files:
        files.add(root, root.name)
    assert tool("release").main(sdist, "v1.2.0") == 0
    assert tool("release").main(sdist, "v1.2.1") == 1
    assert capsys.readouterr().out == (
        "multirrelu-1.2.0.tar.gz can be released as v1.2.0\nthe tag of version 1.2.0 is v1.2.0, got v1.2.1\n"
    )


def test_constraints_are_what_pip_chooses(monkeypatch):
    chosen = [("torch", "2.13.0+cpu"), ("nvidia-nvjitlink", "13.0"), ("triton", "3.6"), ("numpy", "2.4.6")]

    def run(command, *, check):
        assert check
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        assert "--dry-run" in command
        assert command[-1] == "torch>=2"
        report = {"install": [{"metadata": {"name": name, "version": version}} for name, version in chosen]}
        Path(command[command.index("--report") + 1]).write_text(json.dumps(report), encoding="utf-8")

    monkeypatch.setattr(subprocess, "run", run)
    assert tool("constraints").resolve(["torch>=2"]) == {"torch": "2.13.0", "numpy": "2.4.6"}


def test_hooks_are_renewed_with_the_constraints():
    renewed = tool("constraints").renewed("[ruff==0.17.6, check-jsonschema==0.39.0]", {"ruff": "1.0", "check-jsonschema": "2.post1"})
    assert renewed == "[ruff==1.0, check-jsonschema==2.post1]"


def test_times_of_sessions(tmp_path, monkeypatch):
    times = tool("times")
    log = "nox > Session tests-3.11 was successful in 6 minutes.\nnox > Session lint was successful in 20 seconds.\n"
    assert times.took(log + "nox > Session jax failed.\n") == {"tests-3.11": "6 minutes", "lint": "20 seconds"}
    monkeypatch.setattr(times, "TIMES", tmp_path / "times.txt")
    times.TIMES.write_text("lint: 20 seconds\ntests-3.11: 6 minutes\ntests-3.12: 1 minute\n", encoding="utf-8")
    assert [times.of(name) for name in ("lint", "tests", "torch", "test")] == [
        " [20 seconds]",
        " [3.11: 6 minutes, 3.12: 1 minute]",
        "",
        "",
    ]
