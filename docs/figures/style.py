"""What the site's figures have in common: no background, and colours that can be read on a light page and on a dark one."""

from __future__ import annotations

import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#2f8fd0", "#e0801a", "#159c74", "#7f8890"


def use() -> None:
    """Set them; a figure is drawn with matplotlib's own again after another was."""
    plt.rcParams.update(
        {
            "savefig.transparent": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "legend.framealpha": 0,
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), GREY),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.alpha": 0.3,
        }
    )
