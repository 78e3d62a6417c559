"""Replace every ``torch.nn.RReLU`` of a model by the layer of this package, and restore PyTorch's."""

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
    """Turn every ``torch.nn.RReLU`` of a model into an `RReLU`, in place; `restore_rrelu` is the inverse.

    Bounds, ``inplace``, mode and hooks stay as they are, and a layer that is used in several places stays shared. The number of
    replaced layers is logged as information. A warning lists, with reasons, all that cannot be replaced: subclasses, layers that
    PyTorch does not see because they are in plain lists, calls of ``torch.nn.functional.rrelu``, and scripted or traced modules.

    Parameters
    ----------
    module : torch.nn.Module
        The model, or one ``torch.nn.RReLU``; it is changed in place.
    rng, shared_axes, keep_input
        As for `RReLU`, the same for all replaced layers; layers made by `restore_rrelu` keep their own. With an int as `rng`, layers of
        one shape draw the same slopes, at every call.

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
        If nothing is replaced, or something cannot be replaced.

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
        RReLU(one.lower, one.upper, one.inplace, **(options | _own(one)))  # raises before anything is changed
    for one in layers.values():
        # The class changes rather than the object, because a new object would lose hooks and references.
        vars(one).update(options | _own(one))
        one.__class__ = RReLU
    left = list(leftovers(module))
    LOG.info("convert_rrelu replaced %s of %s: %s", _layers(len(layers)), type(module).__name__, ", ".join(layers) or "-")
    if left or not any(isinstance(one, RReLU) for one in module.modules()):
        warnings.warn(_report(type(module).__name__, len(layers), left), stacklevel=2)
    return module


def restore_rrelu(module: M) -> M:
    """Turn every `RReLU` of a model into a ``torch.nn.RReLU``, in place, for tools that know only PyTorch's own layers.

    This is the inverse of `convert_rrelu`. PyTorch's layer ignores `rng`, `shared_axes` and `keep_input`, but keeps them, so that
    `convert_rrelu` finds them again.

    Parameters
    ----------
    module : torch.nn.Module
        The model, or one `RReLU`; it is changed in place.

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
    """Return the options that a layer has kept through `restore_rrelu`."""
    return {name: vars(layer)[name] for name in ("rng", "shared_axes", "keep_input") if name in vars(layer)}


def _report(model: str, count: int, left: list[str]) -> str:
    why = "; ".join(left[:SHOWN]) or "it has no torch.nn.RReLU"
    more = f"; and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
    return f"convert_rrelu replaced {_layers(count)} of {model}{', and left ' if left else ': '}{why}{more}"


def _layers(count: int) -> str:
    return f"{count or 'no'} layer{'' if count < 2 else 's'}"
