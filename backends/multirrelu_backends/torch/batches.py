"""Implement `vmap` by one call: the batch axis has stride 0 in the index, or a key for each example."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from multirrelu.contract import row_major

Call = Callable[[Tensor, "Tensor | None", "Tensor | None", "tuple[int, ...] | None"], Tensor]


def over_batch(
    call: Call,
    size: int,
    dims: Sequence[int | None],
    values: Tensor,
    gate: Tensor | None,
    key: Tensor | None,
    strides: Sequence[int] | None,
) -> tuple[Tensor, int]:
    """Call once for all examples of a batch; return the result and the position of its batch axis.

    Parameters
    ----------
    call : callable
        ``call(values, gate, key, strides)`` scales, with the parameters of `memory.run`.
    size : int
        The number of examples.
    dims : sequence of int or None
        The batch axis of values, gate and key; None where all examples share one.
    values, gate, key : Tensor or None
        The tensors with their batch axes.
    strides : sequence of int or None
        The strides of one example.
    """
    keyed = key is not None and key.ndim > (dims[2] is not None)  # each row of an example has its own key already
    if dims[2] is None:
        # One key: every example has the slopes that it has alone. The new axis comes after the axis of the keys.
        at = int(keyed)
        example = [length for axis, length in enumerate(values.shape) if axis != dims[0]][at:]
        own = row_major(tuple(example)) if strides is None else tuple(strides)
        return call(_along(values, dims[0], at, size), gate if gate is None else _along(gate, dims[1], at, size), key, (0, *own)), at
    assert key is not None
    same = None if strides is None else tuple(strides)
    values, key = _along(values, dims[0], 0, size), key.movedim(dims[2], 0)
    gate = gate if gate is None else _along(gate, dims[1], 0, size)
    if not keyed:
        return call(values, gate, key, same), 0
    flat = call(values.flatten(0, 1), gate if gate is None else gate.flatten(0, 1), key.flatten(), same)
    return flat.unflatten(0, values.shape[:2]), 0


def over_batch_at(
    call: Callable[..., Tensor], size: int, dims: Sequence[int | None], values: Tensor, gate: Tensor | None, index: Tensor, key: Tensor
) -> tuple[Tensor, int]:
    """Call ``call(values, gate, index, key)`` once for a batch of elements with indices; the rest is as for `over_batch`."""
    keyed = key.ndim > (dims[3] is not None)
    at = 0 if dims[3] is not None else int(keyed)
    values, index = _along(values, dims[0], at, size), _along(index, dims[2], at, size)
    gate = gate if gate is None else _along(gate, dims[1], at, size)
    if dims[3] is None:
        return call(values, gate, index, key), at
    key = key.movedim(dims[3], 0)
    if not keyed:
        return call(values, gate, index, key), 0
    flat = call(values.flatten(0, 1), gate if gate is None else gate.flatten(0, 1), index.flatten(0, 1), key.flatten())
    return flat.unflatten(0, values.shape[:2]), 0


def _along(x: Tensor, dim: int | None, at: int, size: int) -> Tensor:
    """Return `x` with its batch axis at the given position, expanded without a copy where it has none."""
    if dim is not None:
        return x.movedim(dim, at)
    return x.unsqueeze(at).expand(*x.shape[:at], size, *x.shape[at:])
