"""README as a code host or a package index shows it: its links lead to what reads well there."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = sorted({link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link})
OF_THE_SITE = re.compile(r"^\s*[:`~]{3,}\{.*|\{[a-z:-]+\}`.*", re.MULTILINE)  # directives and roles, which only the site's builder reads


@pytest.mark.parametrize("link", LINKS)
def test_link(link: str) -> None:
    """It leads to a file, and a page has nothing that only the site shows."""
    path = ROOT / link
    assert path.is_file()
    if path.suffix == ".md":
        assert OF_THE_SITE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_address(page: str) -> None:
    """A clone is of the address that the metadata names, and of ADDRESS where it names none."""
    urls = dict(entry.split(", ", 1) for entry in metadata("multirrelu").get_all("Project-URL", []))
    (shown,) = re.findall(r"^git clone (\S+) multirrelu", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert shown == urls.get("Source", "ADDRESS")
