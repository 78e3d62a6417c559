"""README's picture: it shows the bits that the libraries give today, and they are equal where it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
pytest.importorskip("matplotlib")
pytest.importorskip("torch")
pytest.importorskip("jax")


@pytest.fixture(scope="module")
def picture() -> Any:
    """The code of the figure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "figures"))
        patch.setenv("MPLBACKEND", "Agg")
        import same_bits

        yield same_bits


def test_ours_are_equal_and_theirs_are_not(picture: Any) -> None:
    """To the bit."""
    ours, theirs = picture.shown
    first, *others = [y.tobytes() for y in ours.values()]
    assert len(others) == 3
    assert set(others) == {first}
    assert len({y.tobytes() for y in theirs.values()} - {first}) == 3


def test_the_picture_shows_them(picture: Any) -> None:
    """The digest that is kept in the file, else `python docs/figures/same_bits.py` makes it again."""
    image = pytest.importorskip("PIL.Image")
    with image.open(DOCS / "images" / "same-bits.png") as kept:
        assert kept.text["Description"] == picture.digest(*picture.shown)
