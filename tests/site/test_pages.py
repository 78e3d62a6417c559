"""Every page of the built site in a real browser: nothing fails, nothing is fetched from elsewhere, nothing is too wide for a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

# The theme hides what sticks out, so that the document's own width would not tell; what scrolls by itself may be wider.
TOO_WIDE = """(() => {
  const scrolls = e => e.tagName !== 'ARTICLE' && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const wide = e => e.getBoundingClientRect().right > 376 && !scrolls(e);
  return [...document.querySelectorAll("article *, .prev-next-area *")].filter(wide).map(e => e.outerHTML);
})()"""
SQUEEZED = """[...document.querySelectorAll("article td")]
  .filter(e => e.innerText.length > 30 && e.getBoundingClientRect().width < 110).map(e => e.outerHTML)"""
# A table of texts may be wider than the page's text on a large screen alone; columns of numbers and of marks scroll on a phone too.
SCROLLED = """[...document.querySelectorAll("article table.table:not(:has(.text-right, .text-center))")]
  .filter(e => e.parentElement.scrollWidth > e.parentElement.clientWidth + 1).map(e => e.outerHTML)"""
# What follows the last letter of a line in a name that is broken over lines, where that is neither a dot nor an underscore.
BROKEN = """[...document.querySelectorAll("article h1")].flatMap(heading => {
  const texts = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT), range = document.createRange(), broken = [];
  for (let node, last; (node = texts.nextNode()); ) for (let i = 0; i < node.length; i += 1) {
    range.setStart(node, i); range.setEnd(node, i + 1);
    const now = { letter: node.data[i], top: range.getBoundingClientRect().bottom };
    if (last && /\\w/.test(now.letter) && /[^\\W_]/.test(last.letter) && Math.abs(now.top - last.top) > 8) broken.push(heading.innerText);
    last = now;
  }
  return broken;
})"""
WIDE_TABLE = """[...document.querySelectorAll("article table")]
  .filter(e => e.parentElement.scrollWidth > e.parentElement.clientWidth + 1).map(e => e.outerHTML)"""
# Of Python: what a terminal prints may be wider.
WIDE_CODE = """[...document.querySelectorAll("article .highlight-python pre, article .highlight-pycon pre, article .highlight-default pre")]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"""
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
    assert page.evaluate(SQUEEZED) == []
    assert page.evaluate(SCROLLED) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)") == []
    assert page.title().endswith(("— multirrelu", "- multirrelu"))
    if document not in ("genindex.html", "py-modindex.html", "search.html"):
        assert len(page.get_attribute("meta[name=description]", "content")) > 20
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(WIDE_TABLE) == []
    page.set_viewport_size({"width": 1366, "height": 800})  # of a laptop
    assert page.evaluate(WIDE_CODE) == []


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("rrelu", "reference/multirrelu.rrelu.html"),
        ("RReLU", "reference/multirrelu.RReLU-class.html"),
        ("scale", "reference/multirrelu.scale.html"),
        ("rng", "guide/rng.html"),
    ],
)
def test_search_finds_first(page: Any, site: str, asked: str, first: str) -> None:
    """By Sphinx's search, which runs in the browser too."""
    page.goto(f"{site}/search.html?q={asked}")
    page.wait_for_selector("h2:has-text('Search Results')")
    found = page.locator("#search-results li a").first.get_attribute("href")
    assert found.partition("?")[0].partition("#")[0] == first


def test_a_table_is_stacked_on_a_phone_alone(page: Any, site: str) -> None:
    """Each cell then names its column, and a screen reader still finds a table."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{site}/guide/rng.html")
    cells = page.locator("article tbody tr").first.locator("td")
    above, below = (cell.bounding_box() for cell in cells.all())
    assert below["y"] >= above["y"] + above["height"]
    heads = [cell.evaluate("e => getComputedStyle(e, '::before').content") for cell in cells.all()]
    assert heads == ['"given as rng: "', '"the key: "']
    assert page.get_by_role("cell").count() == page.locator("article td").count()
    page.set_viewport_size({"width": 1280, "height": 900})
    left, right = (cell.bounding_box() for cell in cells.all())
    assert right["x"] >= left["x"] + left["width"]


def test_the_cheat_sheet_on_a_phone(page: Any, site: str) -> None:
    """A line of code and the comment that says what it does can be read without scrolling."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{site}/cheatsheet.html")
    blocks = page.locator("article pre").all()
    assert blocks
    assert [block.evaluate("e => e.scrollWidth - e.clientWidth") for block in blocks] == [0] * len(blocks)


def test_the_fields_of_a_record_are_not_the_functions_of_the_module(page: Any, site: str) -> None:
    """On the page of `Backend`, whose fields `scale` and `scale_at` are written and not called."""
    page.goto(f"{site}/reference/multirrelu.Backend.html")
    links = page.locator("article section a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert links
    assert not any(link.startswith("multirrelu.scale") for link in links)


def test_the_theme_can_be_chosen(page: Any, site: str) -> None:
    """By the theme's own button, from light to dark."""
    page.goto(f"{site}/explorer.html")
    before = page.evaluate(BACKGROUND)
    page.locator("button.theme-switch-button:visible").click()
    page.locator("button[data-mode=dark]:visible").click()
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate(BACKGROUND) != before


def test_a_figure_can_be_enlarged(page: Any, site: str) -> None:
    """On a phone, by the keyboard too."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{site}/benchmarks.html")
    enlarged = page.locator("dialog.enlarged")
    assert enlarged.is_hidden()
    figure = page.get_by_role("button", name="Enlarge the figure: Speeds on NumPy")
    figure.focus()
    page.keyboard.press("Enter")
    assert enlarged.locator("img").bounding_box()["width"] >= 800
    page.keyboard.press("Escape")
    assert enlarged.is_hidden()


@pytest.fixture
def copied(context: Any, page: Any) -> Iterator[Any]:
    """A function that presses the copy button of a block and returns what the clipboard then holds."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])

    def copy(section: str, number: int) -> str:
        block = page.locator(f"{section} .highlight").nth(number)
        block.hover()
        block.locator("button.copybtn").click()
        return str(page.evaluate("navigator.clipboard.readText()"))

    yield copy
    context.clear_permissions()


@pytest.mark.parametrize(
    ("address", "number", "text"),
    [
        ("moving.html#how-to-switch", 1, "model = nn.Sequential"),
        ("moving.html#errors-about-bounds", 0, "RReLU(0.5, 0.1)"),
        ("moving.html#the-slopes-of-a-seed", 0, "def train(layer, values):\n    _ = torch.manual_seed(0)\n"),
        ("command_line.html#the-report", 0, "python -m multirrelu"),
    ],
)
def test_copy_button(page: Any, site: str, copied: Any, address: str, number: int, text: str) -> None:
    """It copies neither prompts nor output."""
    page.goto(f"{site}/{address}")
    got = copied("#" + address.partition("#")[2], number)
    assert got.startswith(text)
    assert not any(line.startswith((">>>", "...", "$", "tensor", "Traceback", "multirrelu 0")) for line in got.splitlines())
