"""A description of each page for search engines and previews: its first paragraph."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

from docutils import nodes

LENGTH = 160  # of which search engines show no more


def describe(app: Any, page: str, template: str, context: dict[str, Any], document: nodes.document | None) -> None:
    """Add the first paragraph to the head of the page, where there is one."""
    paragraph = next(document.findall(nodes.paragraph), None) if document else None
    if paragraph is not None:
        text = textwrap.shorten(paragraph.astext(), LENGTH, placeholder=" …")
        context["metatags"] += f'<meta name="description" content="{escape(text)}">\n'


def setup(app: Any) -> dict[str, bool]:
    """Have every page described."""
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
