"""The result of a run of the demo: curves, saved as JSON so that several runs and libraries can be overlaid."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Point(NamedTuple):
    """The measures of a network after an epoch: mean cross-entropy, and the share of right answers."""

    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class Curve:
    """The training of one network: an activation, a seed, and a point for each epoch."""

    activation: str
    seed: int
    points: list[Point]


@dataclass(frozen=True)
class Result:
    """All curves of a run, with the settings and versions that made them."""

    label: str
    versions: dict[str, str]
    settings: dict[str, Any]
    curves: list[Curve]

    def of(self, activation: str) -> dict[int, Curve]:
        """Return the curves of an activation, by seed."""
        return {curve.seed: curve for curve in self.curves if curve.activation == activation}

    def activations(self) -> list[str]:
        """Return the names of the activations in the order of training."""
        return list(dict.fromkeys(curve.activation for curve in self.curves))


def save(result: Result, path: Path) -> None:
    """Write a result as JSON."""
    path.write_text(json.dumps(asdict(result)) + "\n", encoding="utf-8")


def load(path: Path) -> Result:
    """Return the result that `save` wrote.

    Raises
    ------
    ValueError
        If the file holds no result.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        curves = [Curve(c["activation"], c["seed"], [Point(*p) for p in c["points"]]) for c in data["curves"]]
        return Result(data["label"], data["versions"], data["settings"], curves)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no curves of the demo: {error!r}") from None


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation, which is 0 for a single value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
