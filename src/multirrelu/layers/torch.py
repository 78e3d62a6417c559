"""A layer for PyTorch that takes the place of ``torch.nn.RReLU``, and a function that puts it there."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor, nn

from ..checks import Axes
from ..contract import check_bounds
from ..keys import source_of
from ..rrelu import LOWER, UPPER, rrelu

M = TypeVar("M", bound=nn.Module)


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
        super().__init__(*check_bounds(lower, upper), inplace)
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


def convert_rrelu(module: M, *, rng: Any = None, shared_axes: Axes = None) -> M | RReLU:
    """Put an `RReLU` in the place of every ``torch.nn.RReLU`` of a model.

    Bounds, ``inplace`` and mode stay as they are, and a layer that is used in several places stays one layer.

    Parameters
    ----------
    module : torch.nn.Module
        The model, which is changed; where it is itself a ``torch.nn.RReLU``, only the result is another.
    rng, shared_axes
        As for `RReLU`, the same for all layers.

    Returns
    -------
    torch.nn.Module
        `module`, or the layer that takes its place.

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
    # All of them are made before any is put in its place.
    ours = {one: _converted(one, rng, shared_axes) for one in module.modules() if type(one) is nn.RReLU}
    for path, one in list(module.named_modules(remove_duplicate=False)):
        if one in ours and path:
            module.set_submodule(path, ours[one])
    replaced: M | RReLU = ours.get(module, module)
    return replaced


def _converted(layer: nn.RReLU, rng: Any, shared_axes: Axes) -> RReLU:
    ours = RReLU(layer.lower, layer.upper, layer.inplace, rng=rng, shared_axes=shared_axes)
    ours.train(layer.training)
    return ours
