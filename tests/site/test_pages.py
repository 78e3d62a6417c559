"""Every page of the built site in a real browser: nothing fails, nothing is fetched from elsewhere, nothing is too wide for a phone."""

from __future__ import annotations

from typing import Any

# The theme hides what sticks out, so that the document's own width would not tell; what scrolls by itself may be wider.
TOO_WIDE = """(() => {
  const scrolls = e => e.tagName !== 'ARTICLE' && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const wide = e => e.getBoundingClientRect().right > 376 && !scrolls(e);
  return [...document.querySelectorAll("article *")].filter(wide).map(e => e.outerHTML);
})()"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_loads(page: Any, site: str, document: str) -> None:
    """Without an error or a request to elsewhere, in the colours that the reader's system prefers, and no wider than a phone."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.emulate_media(color_scheme="light")
    page.goto(f"{site}/{document}")
    assert page.get_attribute("html", "data-theme") == "light"
    light = page.evaluate(BACKGROUND)
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    assert page.evaluate(BACKGROUND) != light
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)") == []


def test_search_finds_rrelu(page: Any, site: str) -> None:
    """Sphinx's search, which runs in the browser too."""
    page.goto(f"{site}/search.html?q=rrelu")
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li").count() >= 3


def test_the_theme_can_be_chosen(page: Any, site: str) -> None:
    """By the theme's own button, from light to dark."""
    page.goto(f"{site}/explorer.html")
    before = page.evaluate(BACKGROUND)
    page.locator("button.theme-switch-button:visible").click()
    page.locator("button[data-mode=dark]:visible").click()
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate(BACKGROUND) != before
