"""Run a benchmark against PyTorch: equal numbers of threads on both sides, and a picture of the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import picture
import report
import torch

from multirrelu_backends.threads import get_num_threads


def main(
    about: str | None, name: str, elements: int, rows: Callable[[int, int], list[dict[str, Any]]], figures: Callable[[], report.Figures]
) -> None:
    """Measure, print the table, save the result and draw it."""
    threads = get_num_threads()
    torch.set_num_threads(threads)
    facts = {**report.machine("numpy", "numba", "torch"), "threads": threads}
    path = report.main(about, name, elements, rows, figures, facts)
    picture.draw(json.loads(path.read_text(encoding="utf-8")), path.with_suffix(".png"))
    print(f"and drawn in {path.with_suffix('.png').name}")
