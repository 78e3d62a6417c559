"""The workloads of libraries with NumPy's functions: the composition that users write, and the pullback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .... import draw_slopes, rrelu, rrelu_vjp, scale
from ..layouts import View, whole
from ..workload import MIDDLE, SEED, Workload


def workloads(
    xp: Any,
    alias: str,
    dtype: str,
    normal: Callable[[], Any],
    uniform: Callable[[], Any],
    device: str,
    copy: Callable[[Any, Any], object],
    wait: Callable[[Any], object] = id,
    given: bool = False,
    view: View = whole,
) -> Iterator[Workload]:
    """Yield training, evaluation, the backward pass, for which the users' code keeps the slopes, and both passes.

    `normal` and `uniform` draw numbers for each element, `alias` is the name by which users import the library, and `copy` takes an
    array, or None to make one, and the array that it copies. With `given`, ours and the copy write to arrays that are there. `view` makes
    of each array a view of another layout.
    """
    flat = [normal().astype(dtype) for _ in range(2)]
    x, g = map(view, flat)
    y, h = (view(xp.zeros_like(array)) if given else None for array in flat)  # zeros, because memory that nothing has touched is slow

    def work(
        what: str, ours: Callable[[], object], peer: str, theirs: Callable[[], object], stream: Callable[[], object] | None = None
    ) -> Workload:
        return Workload(device, what, ours, lambda: copy(y, x), f"{alias}.{peer}", theirs, wait, stream)

    def forward() -> object:
        return scale(x, x, 1.0, out=y)

    yield work(
        "training",
        lambda: rrelu(x, training=True, rng=SEED, out=y),
        "where(x >= 0, x, x * rng.uniform(...))",
        lambda: xp.where(x >= 0, x, x * view(uniform().astype(dtype))),
        forward,
    )
    yield work("evaluation", lambda: rrelu(x, out=y), "where(x >= 0, x, x * slope)", lambda: xp.where(x >= 0, x, x * MIDDLE), forward)
    kept, pullback = rrelu_vjp(x, training=True, rng=SEED)
    slopes = draw_slopes(x, rng=SEED)
    yield work(
        "backward",
        lambda: pullback(g, out=h),
        "where(x >= 0, g, g * slopes)",
        lambda: xp.where(x >= 0, g, g * slopes),
        lambda: scale(g, kept, 1.0, out=h),
    )
    one = xp.ones_like(x[:1])

    def ours() -> tuple[Any, Any]:
        result, pullback = rrelu_vjp(x, training=True, rng=SEED, out=y)
        return result, pullback(g, out=h)

    def theirs() -> tuple[Any, Any]:
        factors = xp.where(x >= 0, one, view(uniform().astype(dtype)))
        return x * factors, g * factors

    yield work("both passes", ours, "where(x >= 0, 1, rng.uniform(...))", theirs)
