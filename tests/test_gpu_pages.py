"""What the pages say about GPUs: that nothing has run on one, until a result of one is kept, and its name from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
UNTIL_THEN = {
    "README.md": "The kernels for CuPy and Triton have not run on a GPU yet.",
    "CHANGELOG.md": "The kernels of CuPy and Triton are tested without a GPU and have not been run on one",
    "docs/benchmarks.md": "Nothing was measured on a GPU.",
    "docs/moving.md": "The row on CPU and GPU has not been run on a GPU.",
    "docs/libraries/cupy.md": "**None of this has run on a GPU yet**",
}


def gpus():
    """Return the names of the GPUs that were measured."""
    return [json.loads(file.read_text(encoding="utf-8"))["machine"]["gpu"] for file in RESULTS.glob("gpu-*.json")]


@pytest.mark.parametrize("page", UNTIL_THEN)
def test_a_page_says_that_nothing_has_run_until_a_gpu_is_measured_and_then_its_name(page):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    measured = gpus()
    assert (UNTIL_THEN[page] in text) == (not measured), f"measured: {measured or 'no GPU'}"
    if page != "CHANGELOG.md":
        assert all(name in text for name in measured)


def test_the_commands_of_the_page_are_those_of_the_session():
    session = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "libraries" / "cupy.md").read_text(encoding="utf-8")
    _, _, commands = page.partition("```sh\npython tests/gpus.py")
    (chosen,) = [line for line in session.splitlines() if line.startswith("ON_MEMORY = ")]
    (suites,) = [line for line in session.splitlines() if line.strip().startswith("suites = ")]
    (together,) = [line for line in session.splitlines() if line.startswith("TOGETHER = ")]
    assert f"-k {chosen.split(' = ')[1].split('  #')[0]}" in commands
    names = [part for line in (suites, together) for part in line.split('"')[1::2]]
    assert all(name in commands for name in names), names
