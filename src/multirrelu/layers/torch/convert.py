"""Put the layer in the place of every ``torch.nn.RReLU`` of a model, and PyTorch's back in its place."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from .layer import RReLU
from .leftovers import leftovers

if TYPE_CHECKING:
    from ...checks import Axes

M = TypeVar("M", bound=nn.Module)
LOG = logging.getLogger(__name__)
SHOWN = 5


def convert_rrelu(module: M, *, rng: Any = None, shared_axes: Axes = None, keep_input: bool = False) -> M:
    """Make an `RReLU` of every ``torch.nn.RReLU`` of a model, where it is; `restore_rrelu` is the inverse.

    Bounds, ``inplace``, mode and hooks stay as they are, and so does a layer that is used in several places. How many layers
    were replaced is logged as information; what is left is a warning, with the reason: subclasses, layers that PyTorch does not
    see because they are in plain lists, calls of ``torch.nn.functional.rrelu``, and what is scripted or traced.

    Parameters
    ----------
    module : torch.nn.Module
        The model, or one ``torch.nn.RReLU``, which is changed.
    rng, shared_axes, keep_input
        As for `RReLU`, the same for all layers that are replaced; those that `restore_rrelu` has made keep their own. With an
        int as `rng`, layers of one shape draw the same slopes, at every call.

    Returns
    -------
    torch.nn.Module
        `module`.

    Raises
    ------
    TypeError
        If `module` is no module.
    TypeError, ValueError
        If the bounds of a layer, `rng` or `keep_input` are not what `RReLU` accepts; nothing is changed then.

    Warns
    -----
    UserWarning
        If nothing is replaced, or something is left.

    Examples
    --------
    >>> from torch import nn
    >>> from multirrelu.layers.torch import RReLU, convert_rrelu
    >>> model = convert_rrelu(nn.Sequential(nn.Linear(4, 4), nn.RReLU(0.1, 0.3)))
    >>> isinstance(model[1], RReLU)
    True
    """
    _check_module("convert_rrelu", module)
    options = {"rng": rng, "shared_axes": shared_axes, "keep_input": keep_input}
    layers = {name: one for name, one in module.named_modules() if type(one) is nn.RReLU}
    for one in layers.values():
        RReLU(one.lower, one.upper, one.inplace, **(options | _own(one)))  # says what is wrong, before anything is changed
    for one in layers.values():
        # Not another layer in its place: hooks, and whoever refers to this one, would be left behind.
        vars(one).update(options | _own(one))
        one.__class__ = RReLU
    left = list(leftovers(module))
    LOG.info("convert_rrelu replaced %s of %s: %s", _layers(len(layers)), type(module).__name__, ", ".join(layers) or "-")
    if left or not any(isinstance(one, RReLU) for one in module.modules()):
        warnings.warn(_report(type(module).__name__, len(layers), left), stacklevel=2)
    return module


def restore_rrelu(module: M) -> M:
    """Make a ``torch.nn.RReLU`` of every `RReLU` of a model, where it is, for tools that know PyTorch's own layers only.

    The inverse of `convert_rrelu`. PyTorch's layer makes no use of `rng`, `shared_axes` and `keep_input`, which stay with it for
    `convert_rrelu` to come back to.

    Parameters
    ----------
    module : torch.nn.Module
        The model, or one `RReLU`, which is changed.

    Returns
    -------
    torch.nn.Module
        `module`.

    Raises
    ------
    TypeError
        If `module` is no module.

    Warns
    -----
    UserWarning
        If nothing is replaced.

    Examples
    --------
    >>> from torch import nn
    >>> from multirrelu.layers.torch import RReLU, restore_rrelu
    >>> model = restore_rrelu(nn.Sequential(nn.Linear(4, 4), RReLU(0.1, 0.3)))
    >>> type(model[1]) is nn.RReLU
    True
    """
    _check_module("restore_rrelu", module)
    layers = {name: one for name, one in module.named_modules() if type(one) is RReLU}
    for one in layers.values():
        one.__class__ = nn.RReLU
    LOG.info("restore_rrelu replaced %s of %s: %s", _layers(len(layers)), type(module).__name__, ", ".join(layers) or "-")
    if not layers:
        warnings.warn(f"restore_rrelu replaced no layer of {type(module).__name__}: it has no RReLU of multirrelu", stacklevel=2)
    return module


def _check_module(function: str, module: object) -> None:
    if not isinstance(module, nn.Module):
        got = f"the class {module.__name__}" if isinstance(module, type) else f"an object of type {type(module).__name__}"
        raise TypeError(f"{function} takes a torch.nn.Module, got {got}: pass a model, or one layer")


def _own(layer: nn.RReLU) -> dict[str, Any]:
    """Return what a layer has kept through `restore_rrelu`."""
    return {name: vars(layer)[name] for name in ("rng", "shared_axes", "keep_input") if name in vars(layer)}


def _report(model: str, count: int, left: list[str]) -> str:
    why = "; ".join(left[:SHOWN]) or "it has no torch.nn.RReLU"
    more = f"; and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
    return f"convert_rrelu replaced {_layers(count)} of {model}{', and left ' if left else ': '}{why}{more}"


def _layers(count: int) -> str:
    return f"{count or 'no'} layer{'' if count < 2 else 's'}"
