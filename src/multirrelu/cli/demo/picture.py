"""Draw the demo's picture: loss and accuracy over the epochs, as the mean of the seeds with a band of one sample standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .result import Point, Result, mean_and_spread

PANELS = (
    ("train_loss", "Training images: cross-entropy"),
    ("test_loss", "Held-out images: cross-entropy"),
    ("train_accuracy", "Training images: accuracy"),
    ("test_accuracy", "Held-out images: accuracy"),
)
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00")  # by Okabe and Ito, distinct for colour-blind readers too
DASHES = ("-", "--", ":", "-.")
START_UP = 0.1
"""The share of the epochs that the picture may cut off, so that the curves of the rest can be told apart."""


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the curves of one or more runs as a PNG: a colour for each activation, a dash pattern for each run."""
    figure = Figure(figsize=(10, 7), layout="constrained")  # without pyplot, so that no window opens under any settings
    for axes, (field, title) in zip(figure.subplots(2, 2, sharex=True).flat, PANELS, strict=True):
        draw_panel(axes, results, field)
        axes.set_title(title, fontsize=11)
    for axes in figure.axes[2:]:
        axes.set_xlabel("epoch")
    figure.legend(handles=legend(results), loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(headline(results), fontsize=11)
    figure.savefig(path, format="png", dpi=120)


def draw_panel(axes: Axes, results: Sequence[Result], field: str) -> None:
    """Draw the mean of a quantity over the seeds for every activation of every run, with one standard deviation on each side."""
    ends: list[float] = []
    for result, dash in zip(results, cycle(DASHES), strict=False):
        for name, colour in colours(results).items():
            means, low, high = band(result, name, field)
            epochs = range(1, len(means) + 1)
            axes.plot(epochs, means, dash, color=colour, linewidth=1.4)
            axes.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
            start = int(len(means) * START_UP)
            ends += [*low[start:], *high[start:]]
    axes.grid(alpha=0.3)
    if field == "train_loss":
        axes.set_yscale("log")
    else:
        axes.set_ylim(min(ends), 1.005 if field.endswith("accuracy") else max(ends))


def band(result: Result, activation: str, field: str) -> tuple[list[float], list[float], list[float]]:
    """Return for each epoch the mean over the seeds, and the mean minus and plus one sample standard deviation."""
    column = Point._fields.index(field)
    runs = [[point[column] for point in curve.points] for curve in result.of(activation).values()]
    both = [mean_and_spread(values) for values in zip(*runs, strict=True)]
    low = [max(mean - spread, mean / 10) for mean, spread in both]  # a logarithmic axis cannot show negative numbers
    return [mean for mean, _ in both], low, [mean + spread for mean, spread in both]


def colours(results: Sequence[Result]) -> dict[str, str]:
    """Return the colour of each activation."""
    names = dict.fromkeys(name for result in results for name in result.activations())
    return dict(zip(names, cycle(COLOURS), strict=False))


def legend(results: Sequence[Result]) -> list[Line2D]:
    """Return legend entries for the colours of the activations, and for the dashes of the runs where there are several."""
    entries = [Line2D([], [], color=colour, label=name) for name, colour in colours(results).items()]
    runs = zip(results, cycle(DASHES), strict=False) if len(results) > 1 else ()
    return entries + [Line2D([], [], color="0.3", linestyle=dash, label=result.label) for result, dash in runs]


def headline(results: Sequence[Result]) -> str:
    """Return the title of the picture, in one line."""
    images = results[0].settings["train_images"]
    seeds = dict.fromkeys(str(len(result.of("ReLU"))) for result in results)
    return f"Handwritten digits, {images} training images: mean and standard deviation over {' and '.join(seeds)} seeds"
