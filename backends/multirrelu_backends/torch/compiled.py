"""What `torch.compile` is told of the core: it follows all of it but a few functions, which it calls or traces otherwise."""

from __future__ import annotations

from functools import cache

from array_api_compat import torch as namespace
from torch import Tensor
from torch.nn import Parameter

from multirrelu import arrays, contract, dtypes, stream


def prepare() -> None:
    """Tell Dynamo what needs no import of Dynamo, which takes a second or two."""
    arrays.known[Tensor] = arrays.known[Parameter] = arrays.Facts(namespace, writeable=True)
    for function in (dtypes.dtype_name, prepare_trace):
        setattr(function, "_dynamo_marked_constant", True)  # noqa: B010 - what `torch.compiler.assume_constant_result` sets


def prepare_trace() -> None:
    """Tell Dynamo the rest, in the middle of a trace: as what is marked a constant, this is called and not traced."""
    _prepare_once()


@cache
def _prepare_once() -> None:
    from torch.compiler import assume_constant_result, substitute_in_graph
    from torch.fx.experimental.symbolic_shapes import guard_scalar

    # Bounds decide whether there is anything to draw, so they are no symbols, even where shapes are: other bounds are another graph.
    known_bound, known_lattice = assume_constant_result(_check_bound), assume_constant_result(_lattice)

    @substitute_in_graph(contract.check_bound)
    def check_bound(name: str, value: object) -> float:
        bound: float = known_bound(name, guard_scalar(value) if isinstance(value, (int, float)) else value)
        return bound

    @substitute_in_graph(stream.lattice)
    def lattice(lower: float, upper: float) -> stream.Lattice | None:
        points: stream.Lattice | None = known_lattice(guard_scalar(lower), guard_scalar(upper))
        return points


def _check_bound(name: str, value: object) -> float:
    return contract.check_bound(name, value)


def _lattice(lower: float, upper: float) -> stream.Lattice | None:
    return stream.lattice(lower, upper)
