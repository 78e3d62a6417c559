"""The activation with the signature of ``torch.nn.functional.rrelu``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from ... import rrelu as apply
from ...rrelu import LOWER, UPPER, _plan

if TYPE_CHECKING:
    from ...checks import Axes


def rrelu(
    input: Tensor,  # noqa: A002 - the name that PyTorch gives it
    lower: float = LOWER,
    upper: float = UPPER,
    training: bool = False,
    inplace: bool = False,
    *,
    rng: Any = None,
    shared_axes: Axes = None,
    keep_input: bool = False,
) -> Tensor:
    """Apply the randomized leaky ReLU to a tensor, with the arguments of ``torch.nn.functional.rrelu`` in the same order.

    `multirrelu.rrelu` does the same. This function is for code that passes ``training`` by position, for tensors whose class
    has a ``__torch_function__``, and for traces of ``torch.fx``, in which a call of it is one node.

    Parameters
    ----------
    input : Tensor of shape (...)
        float16, bfloat16, float32 or float64; dense, or sparse in COO, CSR or CSC.
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, finite and within float32, ``lower <= upper``.
    training : bool, default: False
        Draw the slopes; otherwise apply the constant one.
    inplace : bool, default: False
        Write the result to `input`.
    rng, shared_axes
        As for `multirrelu.rrelu`.
    keep_input : bool, default: False
        Keep `input` for the backward pass instead of the result, which may then be overwritten.

    Returns
    -------
    Tensor of shape (...)
        The result, with the dtype, device and strides of `input`; `input` itself where `inplace` is set.

    Raises
    ------
    TypeError, ValueError
        As for `multirrelu.rrelu`; a ValueError also if `inplace` would overwrite the input that `keep_input` keeps.

    Examples
    --------
    >>> import torch
    >>> from multirrelu.layers.torch import rrelu
    >>> rrelu(torch.tensor([-1.0, 2.0]), 0.1, 0.3, True, rng=42)
    tensor([-0.2226,  2.0000])
    """
    if has_torch_function_unary(input):
        options = {"rng": rng, "shared_axes": shared_axes, "keep_input": keep_input}
        result: Tensor = handle_torch_function(rrelu, (input,), input, lower, upper, training, inplace, **options)
    elif keep_input:
        result = _keeping(input, lower, upper, training, inplace, rng, shared_axes)
    else:
        result = apply(input, lower, upper, training=training, inplace=inplace, rng=rng, shared_axes=shared_axes)
    return result


def _keeping(input: Tensor, lower: float, upper: float, training: bool, inplace: bool, rng: Any, shared_axes: Axes) -> Tensor:  # noqa: A002
    check_kept(inplace)
    backend, slopes, *_ = _plan(input, lower, upper, training, False, None, rng, shared_axes)
    result: Tensor = backend(input, input.detach(), slopes)  # the backend keeps a gate that is not the values themselves
    return result


def check_kept(inplace: bool) -> None:
    """Raise where the input would be both kept and overwritten.

    Raises
    ------
    ValueError
        If `inplace` is set.
    """
    if inplace:
        raise ValueError("inplace=True writes over the input, which keep_input=True keeps: leave one of them")
