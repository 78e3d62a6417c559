"""The workloads of libraries with NumPy's functions: the composition that users write, and the pullback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .... import draw_slopes, rrelu, rrelu_vjp
from ..workload import LOWER, MIDDLE, SEED, UPPER, Workload


def workloads(
    xp: Any, dtype: str, elements: int, device: str, copy: Callable[[Any], object], wait: Callable[[Any], object] = id
) -> Iterator[Workload]:
    """Yield training, evaluation, and the backward pass; the users' code keeps the slopes for it."""
    rng = xp.random.default_rng(SEED)
    x, g = (rng.standard_normal(elements, dtype=xp.float32).astype(dtype) for _ in range(2))
    _, pullback = rrelu_vjp(x, training=True, rng=SEED)
    slopes = draw_slopes(x, rng=SEED)
    name = xp.__name__

    def work(what: str, ours: Callable[[], object], peer: str, theirs: Callable[[], object]) -> Workload:
        return Workload(device, what, ours, lambda: copy(x), f"{name}.{peer}", theirs, wait)

    yield work(
        "training",
        lambda: rrelu(x, training=True, rng=SEED),
        "where(x > 0, x, x * rng.uniform(...))",
        lambda: xp.where(x > 0, x, x * rng.uniform(LOWER, UPPER, elements).astype(dtype)),
    )
    yield work("evaluation", lambda: rrelu(x), "where(x > 0, x, x * slope)", lambda: xp.where(x > 0, x, x * MIDDLE))
    yield work("backward", lambda: pullback(g), "where(x > 0, g, g * slopes)", lambda: xp.where(x > 0, g, g * slopes))
