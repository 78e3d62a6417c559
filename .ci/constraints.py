"""Renew constraints.txt and the versions of .pre-commit-config.yaml, as ``nox -s constraints`` does, for the requirements that are named.

pip finds the newest versions that go together, and installs nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
# PyTorch and CuPy bring the versions of these that they were built for, and those for the CPU bring none.
OF_CUDA = re.compile(r"nvidia-|triton$|cuda-(bindings|toolkit)$")


def main(requirements: list[str]) -> None:
    """Write the files that name versions."""
    versions = resolve(requirements)
    constraints = ROOT / "constraints.txt"
    about, *_ = constraints.read_text(encoding="utf-8").splitlines()
    pins = [f"{name}=={version}" for name, version in sorted(versions.items(), key=lambda pin: pin[0].lower())]
    constraints.write_text("\n".join([about, *pins, ""]), encoding="utf-8")
    hooks = ROOT / ".pre-commit-config.yaml"
    hooks.write_text(renewed(hooks.read_text(encoding="utf-8"), versions), encoding="utf-8")


def resolve(requirements: list[str]) -> dict[str, str]:
    """Return the version of each distribution that pip would install into an empty environment."""
    with TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        choose = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report)]
        subprocess.run([*choose, *requirements], check=True)
        found = [item["metadata"] for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
    # PyTorch's wheels for the CPU call themselves 2.13.0+cpu; the constraint 2.13.0 allows them.
    return {item["name"]: item["version"].partition("+")[0] for item in found if not OF_CUDA.match(item["name"].lower())}


def renewed(text: str, versions: dict[str, str]) -> str:
    """Return a text with the version after each ``name==`` replaced by the chosen one."""
    return re.sub(r"([\w.-]+)==[\w.]+", lambda pin: f"{pin[1]}=={versions[pin[1]]}", text)


if __name__ == "__main__":
    main(sys.argv[1:])
