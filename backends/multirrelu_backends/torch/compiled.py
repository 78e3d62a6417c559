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
    for pure in (stream.lattice, dtypes.dtype_name, prepare_trace):
        setattr(pure, "_dynamo_marked_constant", True)  # noqa: B010 - what `torch.compiler.assume_constant_result` sets


def _check_bound(name: str, value: object) -> float:
    return contract.check_bound(name, value)


@cache
def _prepare_once() -> None:
    from torch.compiler import assume_constant_result, substitute_in_graph
    from torch.fx.experimental.symbolic_shapes import guard_scalar

    check = assume_constant_result(_check_bound)

    @substitute_in_graph(contract.check_bound)
    def check_bound(name: str, value: object) -> float:
        # No symbol, where shapes are dynamic: the bounds decide whether there is anything to draw. Other bounds are another graph.
        known: float = check(name, guard_scalar(value) if isinstance(value, (int, float)) else value)
        return known


def prepare_trace() -> None:
    """Tell Dynamo the rest, in the middle of a trace: as what is marked a constant, this is called and not traced."""
    _prepare_once()
