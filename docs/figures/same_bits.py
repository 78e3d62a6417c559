"""Equal bits as a picture: each square is what one library makes of one integer, each cell an element, coloured by its slope.

``python docs/figures/same_bits.py`` writes README's ``docs/images/same-bits.png``, on white, with the digest of the bits that it shows.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import results
import style
from matplotlib.figure import Figure


def draw(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> Figure:
    """Return the figure: with multirrelu above, without it below."""
    reference = next(iter(ours.values()))
    figure, rows = plt.subplots(2, len(ours), figsize=(9, 5.6), layout="constrained")
    labels = f"multirrelu, key {results.SEED}", f"without it, seed {results.SEED}"
    for row, made, label in zip(rows, (ours, theirs), labels, strict=True):
        for axes in row[len(made) :]:
            axes.set_axis_off()
        for axes, (name, y) in zip(row, made.items(), strict=False):
            square(axes, name, y, reference)
        row[0].set_ylabel(label, fontsize=12)
    figure.suptitle(f"The slopes of the same {reference.size} elements", fontsize=12)
    return figure


def square(axes: plt.Axes, name: str, y: np.ndarray, reference: np.ndarray) -> None:
    """Draw one result, and say how many of its bits are not those of the first."""
    axes.imshow(-y, cmap="viridis", vmin=results.LOWER, vmax=results.UPPER)
    different = int(np.bitwise_count(y.view(np.uint32) ^ reference.view(np.uint32)).sum())
    axes.set_title(name, fontsize=10)
    axes.set_xlabel(
        f"{different:,} of {8 * y.nbytes:,} bits differ", fontsize=10, color=style.ORANGE if different else style.GREEN, fontweight="bold"
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def digest(*shown: dict[str, np.ndarray]) -> str:
    """Return what tells whether a picture shows these bits."""
    return hashlib.sha256(b"".join(y.tobytes() for made in shown for y in made.values())).hexdigest()


shown = results.made(results.OURS), results.made(results.THEIRS)
if __name__ == "__main__" and "__file__" in globals():  # not when the site is built
    with plt.rc_context(dict.fromkeys(("text.color", "axes.labelcolor"), "black")):
        path = Path(__file__).parents[1] / "images" / "same-bits.png"
        draw(*shown).savefig(
            path, dpi=110, transparent=False, facecolor="white", metadata={"Software": None, "Description": digest(*shown)}
        )
else:
    style.use()
    draw(*shown)
