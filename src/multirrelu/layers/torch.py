"""A layer for PyTorch that takes the place of ``torch.nn.RReLU``, and a function that puts it there."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor, fx, nn

from ..checks import Axes
from ..contract import check_bounds
from ..keys import source_of
from ..rrelu import LOWER, UPPER, rrelu

M = TypeVar("M", bound=nn.Module)
fx.wrap("rrelu")  # to a symbolic trace of a model the activation is one call, as ``torch.nn.RReLU`` is


class RReLU(nn.RReLU):
    """The randomized leaky ReLU as a module, with the parameters, defaults and representation of ``torch.nn.RReLU``.

    It has no parameters and no buffers: the key of a call comes from PyTorch's global generator, and so is ruled by
    ``torch.manual_seed``, or from `rng`. The backward pass keeps the output, which the next layer keeps anyway, and the key.

    Parameters
    ----------
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, finite and within float32, ``lower <= upper``.
    inplace : bool, default: False
        Write the result to the input.
    rng : optional
        As for `multirrelu.rrelu`. A generator, unlike None, is not replayed by ``torch.utils.checkpoint``, and is refused there.
    shared_axes : int or sequence of int, optional
        Axes along which all elements share one slope.

    Raises
    ------
    TypeError, ValueError
        If the bounds or `rng` are not what `multirrelu.rrelu` accepts.

    Examples
    --------
    >>> import torch
    >>> from multirrelu.layers.torch import RReLU
    >>> act = RReLU(rng=42)
    >>> act(torch.tensor([-1.0, 2.0]))
    tensor([-0.2527,  2.0000])
    >>> act.eval()(torch.tensor([-1.0, 2.0]))
    tensor([-0.2292,  2.0000])
    >>> act
    RReLU(lower=0.125, upper=0.3333333333333333)
    """

    def __init__(
        self, lower: float = LOWER, upper: float = UPPER, inplace: bool = False, *, rng: Any = None, shared_axes: Axes = None
    ) -> None:
        check_bounds(lower, upper)
        super().__init__(lower, upper, inplace)  # as they are given, for the representation
        source_of(rng)  # said here, not at the first call
        self.rng = rng
        self.shared_axes = shared_axes

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that `torch.nn.RReLU` gives it
        """Apply the activation in the present mode.

        Parameters
        ----------
        input : Tensor of shape (...)
            float16, bfloat16, float32 or float64; sparse COO, CSR and CSC too.

        Returns
        -------
        Tensor of shape (...)
            The dtype, device and strides of `input`; `input` itself where `inplace` is set.
        """
        result: Tensor = rrelu(
            input,
            self.lower,
            self.upper,
            training=self.training,
            inplace=self.inplace,
            rng=self.rng,
            shared_axes=self.shared_axes,
        )
        return result

    def extra_repr(self) -> str:
        """Return what ``torch.nn.RReLU`` shows, and the shared axes where there are some."""
        shared = "" if self.shared_axes is None else f", shared_axes={self.shared_axes!r}"
        return f"{super().extra_repr()}{shared}"


def convert_rrelu(module: M, *, rng: Any = None, shared_axes: Axes = None) -> M:
    """Make an `RReLU` of every ``torch.nn.RReLU`` of a model, where it is.

    Bounds, ``inplace``, mode and hooks stay as they are, and so does a layer that is used in several places.

    Parameters
    ----------
    module : torch.nn.Module
        The model, or one ``torch.nn.RReLU``, which is changed.
    rng, shared_axes
        As for `RReLU`, the same for all layers. With an int, layers of one shape draw the same slopes, at every call.

    Returns
    -------
    torch.nn.Module
        `module`.

    Raises
    ------
    TypeError, ValueError
        If the bounds of a layer or `rng` are not what `RReLU` accepts; nothing is changed then.

    Examples
    --------
    >>> from torch import nn
    >>> from multirrelu.layers.torch import convert_rrelu
    >>> model = convert_rrelu(nn.Sequential(nn.Linear(4, 4), nn.RReLU(0.1, 0.3)))
    >>> type(model[1]).__module__
    'multirrelu.layers.torch'
    """
    layers = [one for one in module.modules() if type(one) is nn.RReLU]
    for one in layers:
        RReLU(one.lower, one.upper, rng=rng, shared_axes=shared_axes)  # says what is wrong, before anything is changed
    for one in layers:
        # Not another layer in its place: hooks, and whoever refers to this one, would be left behind.
        one.__class__ = RReLU
        one.rng, one.shared_axes = rng, shared_axes
    return module
