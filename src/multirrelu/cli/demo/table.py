"""The demo's table: the accuracies of the last epoch, with their spread over the seeds."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .result import Result, mean_and_spread

BASE = "ReLU"
HEADER = ("activation", "train", "test", f"test - {BASE}")


def title(result: Result) -> str:
    """Return the title of the table."""
    epochs, seeds = result.settings["epochs"], len({curve.seed for curve in result.curves})
    return f"{result.label}: accuracy in % after {epochs} epochs, mean {plus_minus()} sample standard deviation over {seeds} seeds"


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return the accuracies of the last epoch as rows; differences are taken seed by seed, because a seed is one problem for all."""
    out: list[tuple[str, ...]] = []
    base = result.of(BASE)
    for name in result.activations():
        last = {seed: curve.points[-1] for seed, curve in result.of(name).items()}
        leads = [last[seed].test_accuracy - base[seed].points[-1].test_accuracy for seed in last.keys() & base.keys()]
        lead = percent(leads, "+") if leads and name != BASE else ""
        train, test = ([getattr(point, share) for point in last.values()] for share in ("train_accuracy", "test_accuracy"))
        out.append((name, percent(train), percent(test), lead))
    return out


def percent(shares: Sequence[float], sign: str = "") -> str:
    """Return the mean and the sample standard deviation in percent."""
    mean, spread = mean_and_spread(shares)
    return f"{100 * mean:{sign}.2f} {plus_minus()} {100 * spread:.2f}"


def plus_minus() -> str:
    """Return the plus-minus sign, or its ASCII spelling where the output cannot encode it."""
    try:
        "±".encode(getattr(sys.stdout, "encoding", None) or "utf-8")  # None: the output is not encoded, or discarded
    except UnicodeEncodeError:
        return "+/-"
    return "±"
