"""The bars of the measurements that are kept under benchmarks/results, with the limit or a copy of as many bytes where it was measured."""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import style

from multirrelu.cli.bench.workload import COPY, MOVED, OURS, STREAM, WORDS

RESULTS = Path.cwd().parents[1] / "benchmarks" / "results"  # where the site is built, the folder of this file is the current one
TITLES = {
    "training": "training",
    "evaluation": "evaluation",
    "pullback": "pullback",
    "both passes": "both passes",
    "in place": "training, in place",
}


def draw(name: str) -> None:
    """Draw a file's float32 rows, with one panel for each case."""
    style.use()
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    rows = [r | {"case": r["case"].replace("_", " ")} for r in result["rows"] if r["dtype"] == "float32"]
    rows = [r for r in rows if r["case"] in TITLES]
    heights = [len(r["seconds"].keys() - {COPY, STREAM, WORDS}) for r in rows]
    size = 9, 1.2 + 0.5 * sum(heights)
    figure, panels = plt.subplots(len(rows), 1, figsize=size, height_ratios=heights, sharex=True, layout="constrained")
    fastest = max(r["elements"] / seconds / 1e6 for r in rows for seconds in r["seconds"].values())
    for axes, r in zip(panels, rows, strict=True):
        panel(axes, r, fastest)
        size = "" if r["elements"] == rows[0]["elements"] else f", {r['elements']:,} elements"
        axes.set_title(TITLES[r["case"]] + size, loc="left", fontsize=10)
    panels[-1].set_xlabel("million elements a second")
    m = result["machine"]
    processor = f"{m['threads']} threads, {m['vectors']}" if "threads" in m else f"{m['cores']} cores"
    figure.suptitle(f"float32, {rows[0]['elements']:,} elements, {processor}", fontsize=11)


def panel(axes: Any, row: dict[str, Any], fastest: float) -> None:
    """Draw a case: a bar for the speed of each function, and a line for the limit, or for the copy where there is none."""
    speeds = {name: row["elements"] / seconds / 1e6 for name, seconds in row["seconds"].items() if name not in {STREAM, WORDS}}
    limit, label = speeds.pop(COPY, 0) / MOVED.get(row["case"], 1), "a copy of the same bytes"
    if "of_limit" in row:
        limit, label = speeds[OURS] / row["of_limit"], "the limit"
    names = list(speeds)[::-1]
    colours = ["tab:orange" if name.startswith(OURS) else "tab:gray" for name in names]
    axes.barh(names, [speeds[name] for name in names], color=colours, height=0.7)
    for name, speed in speeds.items():
        if speed > max(speeds.values()) / 3:
            axes.text(speed / 2, name, f"{speed:,.0f}", va="center", ha="center", color="white")
        else:
            axes.text(speed, name, f" {speed:,.0f}", va="center")
    if limit:
        axes.axvline(limit, color=plt.rcParams["text.color"], linestyle="--", linewidth=1)
        side = "right" if limit > fastest / 2 else "left"  # the side of the line away from the title
        axes.text(limit, 1.02, label, transform=axes.get_xaxis_transform(), ha=side, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def numpy() -> None:
    """NumPy's backend."""
    draw("numpy-cpu")


def torch() -> None:
    """PyTorch's backend."""
    draw("torch-cpu")


def jax() -> None:
    """JAX's backend."""
    draw("jax-cpu")
