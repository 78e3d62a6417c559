"""Say what a release still lacks: ``python .ci/release.py multirrelu-0.1.0.tar.gz v0.1.0``, as ``nox -s release -- v0.1.0`` does."""

from __future__ import annotations

import re
import sys
import tarfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path


def main(sdist: Path, tag: str) -> int:
    """Print what is lacking, a line each, and return the exit code."""
    with tarfile.open(sdist) as files:
        root = sdist.name.removesuffix(".tar.gz")
        texts = {name: read(files, f"{root}/{name}") for name in ("PKG-INFO", "CHANGELOG.md", "CITATION.cff")}
    lacking = list(problems(tag, texts["PKG-INFO"], texts["CHANGELOG.md"], texts["CITATION.cff"]))
    print("\n".join(lacking) or f"{sdist.name} can be released as {tag}")
    return min(len(lacking), 1)


def read(files: tarfile.TarFile, name: str) -> str:
    """Return the text of a file in an archive."""
    file = files.extractfile(name)
    assert file is not None, f"{name} is a folder"
    return file.read().decode()


def problems(tag: str, metadata: str, changelog: str, citation: str) -> Iterator[str]:
    """Yield what is lacking: one version, dated, in all files, and a README whose links an index can follow."""
    about = message_from_string(metadata)
    version = about["Version"]
    if tag != f"v{version}":
        yield f"the tag of version {version} is v{version}, got {tag}"
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        yield f"{version} is not the version of a release: set __version__ in src/multirrelu/__init__.py"
    dated = re.search(rf"^## \[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)$", changelog, re.MULTILINE)
    if not dated:
        yield f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`"
    for line in (f"version: {version}", f"date-released: {dated[1] if dated else 'YYYY-MM-DD'}"):
        if line not in citation.splitlines():
            yield f"CITATION.cff has no line `{line}`"
    if not about.get_all("Project-URL"):
        yield "pyproject.toml has no [project.urls]"
    links = re.findall(r"\]\((?!\w+:|#)([^)]+)\)", str(about.get_payload()))
    if links:
        yield f"the README on an index has {len(links)} links to files that are not there, the first to {links[0]}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
