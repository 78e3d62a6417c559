"""Prepare the core for `torch.compile`: Dynamo traces all of it except a few functions, which it calls or replaces."""

from __future__ import annotations

import sys
from functools import cache

from multirrelu import bounds, dtypes


def prepare() -> None:
    """Mark functions for Dynamo without importing it, which would take a second or two."""
    for function in (dtypes.dtype_name, prepare_trace):
        setattr(function, "_dynamo_marked_constant", True)  # noqa: B010 - set as `torch.compiler.assume_constant_result` does


def prepare_trace() -> None:
    """Prepare Dynamo during a trace: this function is marked as a constant, so Dynamo calls it instead of tracing it."""
    _prepare_once()


@cache
def _prepare_once() -> None:
    from torch._dynamo.eval_frame import skip_code
    from torch.compiler import assume_constant_result, substitute_in_graph
    from torch.fx.experimental.symbolic_shapes import guard_scalar

    if "numpy" in sys.modules:  # Dynamo cannot guard NumPy's generators, not even after a graph break
        from ..numpy import draw_key

        skip_code(draw_key.__code__)

    # Bounds decide whether slopes are drawn, so they are constants even where shapes are symbols: other bounds compile another graph.
    known_bounds, known_lattice = assume_constant_result(_check_bounds), assume_constant_result(_lattice)

    @substitute_in_graph(bounds.check_bounds)
    def check_bounds(lower: object, upper: object) -> tuple[float, float]:
        low_high: tuple[float, float] = known_bounds(
            guard_scalar(lower) if isinstance(lower, (int, float)) else lower,
            guard_scalar(upper) if isinstance(upper, (int, float)) else upper,
        )
        return low_high

    @substitute_in_graph(bounds.lattice)
    def points(lower: float, upper: float) -> bounds.Lattice | None:
        known: bounds.Lattice | None = known_lattice(guard_scalar(lower), guard_scalar(upper))
        return known


def _check_bounds(lower: object, upper: object) -> tuple[float, float]:
    return bounds.check_bounds(lower, upper)


def _lattice(lower: float, upper: float) -> bounds.Lattice | None:
    return bounds.lattice(lower, upper)
