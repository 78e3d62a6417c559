"""Draw the picture of a result: the speed of each implementation, with a copy of the same bytes as the limit where it was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

TITLES = {
    "training": "training",
    "evaluation": "evaluation",
    "pullback": "pullback",
    "both_passes": "training, forward and backward",
    "both passes": "training, forward and backward",  # the name in the benchmark of JAX
    "in_place": "training, in place",
}


def draw(result: dict[str, Any], path: Path) -> None:
    """Write the picture as a PNG."""
    figure = bars(result)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def bars(result: dict[str, Any]) -> Figure:
    """Return a figure of a result's float32 rows, with one panel for each case."""
    rows = [r for r in result["rows"] if r["dtype"] == "float32" and r["case"] in TITLES]
    heights = [len(r["seconds"].keys() - {"copy", "jnp.copy"}) for r in rows]
    size = 9, 1.2 + 0.5 * sum(heights)
    figure, panels = plt.subplots(len(rows), 1, figsize=size, height_ratios=heights, sharex=True, layout="constrained")
    for panel, r in zip(panels, rows, strict=True):
        speeds = {name: r["elements"] / seconds / 1e6 for name, seconds in r["seconds"].items()}
        limit = max(speeds.pop("copy", 0), speeds.pop("jnp.copy", 0)) / (1.5 if r["case"] == "pullback" else 1)
        names = list(speeds)[::-1]
        colours = ["tab:orange" if name.startswith("multirrelu") else "tab:gray" for name in names]
        panel.barh(names, [speeds[name] for name in names], color=colours, height=0.7)
        for name, speed in speeds.items():
            if speed > max(speeds.values()) / 3:
                panel.text(speed / 2, name, f"{speed:,.0f}", va="center", ha="center", color="white")
            else:
                panel.text(speed, name, f" {speed:,.0f}", va="center")
        if limit:
            panel.axvline(limit, color=plt.rcParams["text.color"], linestyle="--", linewidth=1)
            side = "right" if limit > max(speeds.values()) / 2 else "left"  # the side of the line away from the title
            panel.text(limit, 1.02, "a copy of the same bytes", transform=panel.get_xaxis_transform(), ha=side, fontsize=8)
        size = "" if r["elements"] == rows[0]["elements"] else f", {r['elements']:,} elements"
        panel.set_title(TITLES[r["case"]] + size, loc="left", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("million elements a second")
    m = result["machine"]
    processor = f"{m['threads']} threads, {m['vectors']}" if "threads" in m else f"{m['cores']} cores"
    figure.suptitle(f"float32, {rows[0]['elements']:,} elements, {processor}", fontsize=11)
    return figure
