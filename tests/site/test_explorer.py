"""The explorer in a real browser: its numbers are those of the known answers and of Python, and so are its errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oracle import KNOWN

np = pytest.importorskip("numpy")

import multirrelu  # noqa: E402
from multirrelu.bounds import FLOAT32_MAX  # noqa: E402

bounds = st.floats(-FLOAT32_MAX, FLOAT32_MAX)
names = ("lower", "upper", "key")


@pytest.fixture
def explorer(page: Any, site: str) -> Any:
    """The page, loaded."""
    page.goto(f"{site}/explorer.html")
    return page


def by_bounds(record: dict[str, Any]) -> str:
    return f"{record['lower']}:{record['upper']}" + (f"-key{record['key']}" if "key" in record else "")


def interval(record: dict[str, Any]) -> list[float]:
    return [float.fromhex(record["lower"]), float.fromhex(record["upper"])]


def test_known_words(explorer: Any) -> None:
    """All of them, in one call."""
    asked = [[str(r["key"]), str(i)] for r in KNOWN["words"] for i in r["index"]]
    script = "pairs => pairs.map(([k, i]) => multirrelu.word(BigInt(k), BigInt(i)).toString(16).padStart(8, '0'))"
    assert explorer.evaluate(script, asked) == [word for r in KNOWN["words"] for word in r["word"]]


def test_known_lattices(explorer: Any) -> None:
    """Bounds that are equal or nearly so have none."""
    script = "all => all.map(([a, b]) => { const p = multirrelu.lattice(a, b); return p && [p.low, p.high, p.shift]; })"
    found = explorer.evaluate(script, [interval(r) for r in KNOWN["lattice"]])
    assert found == [r["lo_hi_s"] for r in KNOWN["lattice"]]


@pytest.mark.parametrize("key", sorted({r["key"] for r in KNOWN["slopes"]}))
def test_known_slopes(explorer: Any, key: int) -> None:
    """To the last bit, as doubles."""
    records = [r for r in KNOWN["slopes"] if r["key"] == key]
    script = "([k, all]) => all.map(([n, a, b]) => multirrelu.drawSlopes(BigInt(k), n, a, b))"
    found = explorer.evaluate(script, [str(key), [[len(r["slope"]), *interval(r)] for r in records]])
    assert [[float(s).hex() for s in slopes] for slopes in found] == [[float.fromhex(s).hex() for s in r["slope"]] for r in records]


@pytest.mark.parametrize("record", KNOWN["values"], ids=by_bounds)
def test_known_values(explorer: Any, record: dict[str, Any]) -> None:
    """In float32, the infinities, NaN and the zeros' signs with them."""
    x = [float.fromhex(text) for text in record["x"]]
    x = np.asarray(x, dtype=np.float32).tolist()
    script = """([key, xs, a, b]) => { const slopes = multirrelu.drawSlopes(BigInt(key), xs.length, a, b);
                return Array.from(new Uint32Array(Float32Array.from(xs.map((x, i) => multirrelu.value(x, slopes[i]))).buffer)); }"""
    found = explorer.evaluate(script, [str(record["key"]), x, *interval(record)])
    assert [f"{bits:08x}" for bits in found] == record["float32_bits"]


@pytest.mark.parametrize("kind", ["words", "slopes"])
def test_known_digest(explorer: Any, kind: str) -> None:
    """Of the first 2**20."""
    made = {
        "words": "Uint32Array.from(multirrelu.words(42n, 2 ** 20), Number)",
        "slopes": "Float32Array.from(multirrelu.drawSlopes(42n, 2 ** 20, 1 / 8, 1 / 3))",
    }[kind]
    script = f"""async () => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", {made})))"""
    assert bytes(explorer.evaluate(script)).hex() == KNOWN["digests"][kind]["42"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.integers(0, 2**64 - 1), ends=st.tuples(bounds, bounds).map(sorted))
@example(key=7, ends=[-1e-300, 1e37])
@example(key=7, ends=[-1e37, -1e-300])
@example(key=2**64 - 1, ends=[-0.0, 0.0])
@example(key=0, ends=[1 / 8, 1 / 8 + 2**-26])
def test_slopes_shown_are_those_of_python(explorer: Any, key: int, ends: list[float]) -> None:
    """The page's text is Python's own for the double, and its bits are those of the float32."""
    exact = multirrelu.draw_slopes(np.zeros(8), *ends, rng=key)
    with np.errstate(under="ignore"):
        single = multirrelu.draw_slopes(np.zeros(8, dtype=np.float32), *ends, rng=key)
    rows = explorer.evaluate("([k, a, b]) => multirrelu.firstSlopes(BigInt(k), a, b)", [str(key), *ends])
    assert [row[1] for row in rows] == [repr(slope) for slope in exact.tolist()]
    assert [row[2] for row in rows] == [f"{bits:08x}" for bits in single.view(np.uint32).tolist()]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.floats(), min_size=100, max_size=100))
@example(
    numbers=[0.0, -0.0, -1.5, 1e-4, -1e-4, 99e-6, 1e15, 1e16, 123456.7, -2.5e20, 1e22, 5e-324, 9007199254740993.0, 100.0, float("inf")]
)
def test_numbers_read_as_in_python(explorer: Any, numbers: list[float]) -> None:
    """The same digits in the same notation."""
    assert explorer.evaluate("numbers => numbers.map(multirrelu.repr)", numbers) == [repr(n) for n in numbers]


def test_the_table_follows_the_fields(explorer: Any) -> None:
    """What is typed is drawn, and evaluation has one slope."""
    explorer.fill("#explorer-lower", "-0.5")
    explorer.fill("#explorer-upper", "2/7")
    explorer.fill("#explorer-key", "0xffffffffffffffff")
    shown = explorer.locator("#explorer-slopes td:nth-child(2)").all_inner_texts()
    assert shown == [repr(s) for s in multirrelu.draw_slopes(np.zeros(8), -0.5, 2 / 7, rng=2**64 - 1).tolist()]
    line = explorer.inner_text("#explorer-python")
    assert [repr(s) for s in eval(line, {"multirrelu": multirrelu, "np": np})] == shown
    assert explorer.locator("#explorer-plot circle").count() == 400
    explorer.check("#explorer-evaluation")
    assert explorer.inner_text("#explorer-summary") == f"Every slope is {0.5 * -0.5 + 0.5 * (2 / 7)!r}."
    assert explorer.is_disabled("#explorer-key")
    assert not explorer.is_visible("#explorer-table")


@pytest.mark.parametrize(
    ("lower", "upper", "key"),
    [
        (0.5, 0.25, 1),
        (float("nan"), 1.0, 1),
        (0.0, float("inf"), 1),
        (float("-inf"), 0.0, 1),
        (-1e39, 0.0, 1),
        ("a", 0.5, 1),
        (0.0, "", 1),
        (0.0, 1e22, "x"),
        (0.0, 1.0, "1.5"),
        (0.0, 1.0, -5),
        (0.0, 1.0, 2**64),
    ],
    ids=repr,
)
def test_errors_are_those_of_python(explorer: Any, lower: Any, upper: Any, key: Any) -> None:
    """The page says what Python says, marks the field, and shows no result."""
    with pytest.raises((TypeError, ValueError)) as caught:
        multirrelu.Slopes(lower, upper, key)
    for name, given_ in zip(names, (lower, upper, key), strict=True):
        explorer.fill(f"#explorer-{name}", str(given_))
    assert explorer.inner_text("#explorer-error") == f"{caught.type.__name__}: {caught.value}"
    assert explorer.locator("[aria-invalid=true]").count() == 1
    assert not explorer.is_visible("#explorer-result")
    for name, right in zip(names, ("0.1", "0.2", "3"), strict=True):
        explorer.fill(f"#explorer-{name}", right)
    assert explorer.inner_text("#explorer-error") == ""
    assert explorer.is_visible("#explorer-result")


def test_keyboard_only(explorer: Any) -> None:
    """Tab reaches every control in order, each with a visible focus; arrows and the space bar work them."""
    explorer.focus("#explorer-lower")
    order = []
    for _ in range(8):
        order.append(explorer.evaluate("document.activeElement.id").removeprefix("explorer-"))
        assert explorer.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        explorer.keyboard.press("Tab")
    assert order == ["lower", "lower-slider", "upper", "upper-slider", "key", "previous", "next", "training"]
    explorer.focus("#explorer-lower-slider")
    explorer.keyboard.press("ArrowRight")
    assert explorer.input_value("#explorer-lower") == "0.13"
    explorer.focus("#explorer-next")
    explorer.keyboard.press("Space")
    assert explorer.input_value("#explorer-key") == "43"
    explorer.fill("#explorer-key", "0")
    explorer.focus("#explorer-previous")
    explorer.keyboard.press("Enter")
    assert explorer.input_value("#explorer-key") == str(2**64 - 1)
    explorer.focus("#explorer-training")
    explorer.keyboard.press("ArrowDown")
    assert explorer.is_checked("#explorer-evaluation")


def test_every_control_has_a_name(explorer: Any) -> None:
    """A label that a screen reader reads, and that no other control has."""
    script = "[...document.querySelectorAll('#explorer-form input')].map(i => i.ariaLabel ?? i.labels[0].innerText)"
    labels = explorer.evaluate(script)
    assert len(labels) == 7
    assert len({label.strip() for label in labels} - {""}) == 7


def test_the_address_keeps_what_is_set(explorer: Any) -> None:
    """A copy of it shows the same, in a new page too."""
    assert "#" not in explorer.url
    explorer.fill("#explorer-lower", "-1/4")
    explorer.fill("#explorer-key", "7")
    explorer.click("#explorer-next")
    assert explorer.url.endswith("#lower=-1%2F4&upper=1%2F3&key=8&mode=training")
    shown = explorer.inner_text("#explorer-slopes")
    explorer.reload()
    assert [explorer.input_value(f"#explorer-{name}") for name in names] == ["-1/4", "1/3", "8"]
    assert explorer.inner_text("#explorer-slopes") == shown
    explorer.check("#explorer-evaluation")
    assert explorer.url.endswith("&mode=evaluation")
    explorer.reload()
    assert explorer.is_checked("#explorer-evaluation")


def test_an_address_with_a_mistake(explorer: Any) -> None:
    """It shows the mistake, and no plot; the next address is read without a reload."""
    explorer.evaluate("location.hash = '#lower=1&upper=0&mode=%3Cb%3E'")
    explorer.wait_for_selector("#explorer-error:has-text('lower must not exceed upper')")
    assert not explorer.is_visible("#explorer-plot")
    explorer.evaluate("location.hash = '#lower=0&upper=1'")
    explorer.wait_for_selector("#explorer-plot")
    assert explorer.inner_text("#explorer-error") == ""


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("bounds", [("1/8", "1/3"), ("-1", "2"), ("-1e30", "1e30"), ("0", "0")], ids=":".join)
def test_labels_do_not_overlap(explorer: Any, width: int, bounds: tuple[str, str]) -> None:
    """Nor do they stick out of the plot."""
    explorer.set_viewport_size({"width": width, "height": 800})
    for name, text in zip(names, bounds, strict=False):
        explorer.fill(f"#explorer-{name}", text)
    plot, *boxes = (e.bounding_box() for e in (explorer.locator("#explorer-plot"), *explorer.locator("#explorer-plot text").all()))
    for i, box in enumerate(boxes):
        assert box["x"] >= plot["x"]
        assert box["y"] + box["height"] <= plot["y"] + plot["height"] + 1
        for other in boxes[:i]:
            apart = box["x"] >= other["x"] + other["width"] or other["x"] >= box["x"] + box["width"]
            assert apart or box["y"] >= other["y"] + other["height"] - 4 or other["y"] >= box["y"] + box["height"] - 4
