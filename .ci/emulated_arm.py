"""Run the suite's exact part on an emulated ARM processor, with the code that Numba makes for Apple's M1: ``nox -s emulated_arm``.

QEMU runs Debian's Python for ARM with the wheels of NumPy, Numba and SciPy for ARM. All of it is unpacked under .nox, by tools for the job
that need no root: apt with folders of its own, and pip with a target. Arguments are other processors in LLVM's words, such as cortex-a72.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".nox" / "emulated-arm"
SYSTEM, SITE = PLACE / "system", PLACE / "site"
TOOLS = {"qemu-aarch64-static": "qemu-user-static", "apt-get": "apt", "dpkg-deb": "dpkg"}
PYTHON = ("python3-minimal", "libpython3-stdlib", "libstdc++6")  # of Debian
PLATFORMS = [f"--platform={name}_aarch64" for name in ("manylinux2014", "manylinux_2_27", "manylinux_2_28")]
SUITE = """\
from multirrelu_conformance import EXACT, suite_for

TestNumpy = suite_for("numpy", *EXACT)  # and no Statistics: bits that are equal need none


def test_the_kernel_is_that_of_the_processor():
    from llvmlite import binding
    from multirrelu_backends import _native
    from numba.core import config
    import platform

    assert platform.machine() == "aarch64"
    assert binding.get_default_triple().startswith("aarch64")
    assert config.CPU_NAME == "{processor}"
    assert "float32" in _native.KINDS
"""


def main(processors: list[str]) -> None:
    """Make the machine and run the suite on each processor, with the features that LLVM knows of its name."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        sys.exit(f"this needs Debian's {', '.join(missing)}: apt-get install {' '.join(missing)}")
    if not SYSTEM.exists():
        unpack_system()
    (python,) = SYSTEM.glob("usr/bin/python3.[0-9]*[0-9]")
    install(python.name.removeprefix("python"))
    for processor in processors:
        print(f"\n{processor}", flush=True)
        test(python, processor)


def unpack_system() -> None:
    """Unpack Debian's Python for ARM and the libraries that it needs."""
    state = PLACE / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    own = {"Dir::State::Lists": state / "lists", "Dir::State::status": os.devnull, "Dir::Cache": state / "cache"}
    arm = {"APT::Architecture": "arm64", "APT::Architectures::": "arm64", "Debug::NoLocking": "true", "APT::Sandbox::User": ""}
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in {**own, **arm}.items())]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *PYTHON], check=True)
    half = PLACE / "half"
    shutil.rmtree(half, ignore_errors=True)
    for package in sorted(state.glob("cache/archives/*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, half], check=True)
    half.rename(SYSTEM)


def install(version: str) -> None:
    """Install the checkout and what the suite needs, as wheels for ARM and Debian's Python."""
    shutil.rmtree(SITE, ignore_errors=True)
    wheels = [*PLATFORMS, "--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]
    wanted = [f"{ROOT}[numpy,conformance]", "ml_dtypes", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", SITE, *wheels, *wanted], check=True)


def test(python: Path, processor: str) -> None:
    """Run the suite by QEMU; Numba compiles for the processor that it is told, where it would find QEMU's."""
    place = PLACE / processor
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "test_exact.py").write_text(SUITE.replace("{processor}", processor), encoding="utf-8")
    numba = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(place / "numba")}
    pytest = ["-m", "pytest", "-q", "--rootdir", str(place), "-c", os.devnull, "-p", "no:cacheprovider", str(place)]
    emulated = ["qemu-aarch64-static", "-L", str(SYSTEM), str(python)]
    subprocess.run([*emulated, *pytest], check=True, cwd=place, env={**os.environ, **numba, "PYTHONPATH": str(SITE)})


if __name__ == "__main__":
    main(sys.argv[1:] or ["apple-m1"])
