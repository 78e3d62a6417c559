"""The layer for PyTorch, which replaces ``torch.nn.RReLU``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.fx import Proxy
from torch.overrides import has_torch_function, has_torch_function_unary

from ...bounds import check_bounds
from ...keys import source_of
from ...rrelu import LOWER, UPPER, _plan
from .functional import check_kept, rrelu

if TYPE_CHECKING:
    from ...checks import Axes


class RReLU(nn.RReLU):
    """The randomized leaky ReLU as a module, with the parameters, defaults and representation of ``torch.nn.RReLU``.

    It has no parameters and no buffers: the key of a call comes from `rng`, or from PyTorch's global generator, which
    ``torch.manual_seed`` seeds. The backward pass needs only the key and the output, which the next layer keeps anyway; for small
    tensors on the CPU, it needs the factors.

    Parameters
    ----------
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, finite and within float32, ``lower <= upper``.
    inplace : bool, default: False
        Write the result to the input.
    rng : optional
        As for `multirrelu.rrelu`. ``torch.utils.checkpoint`` does not replay a generator, unlike None, so a generator is refused there.
    shared_axes : int or sequence of int, optional
        Axes along which all elements share one slope.
    keep_input : bool, default: False
        Keep the input for the backward pass instead of the output, which may then be overwritten, as in ``y += x``.

    Raises
    ------
    TypeError, ValueError
        If the bounds or `rng` are not what `multirrelu.rrelu` accepts, or if `inplace` would overwrite the input that `keep_input` keeps.

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

    rng: Any = None
    shared_axes: Axes = None
    keep_input: bool = False

    def __init__(
        self,
        lower: float = LOWER,
        upper: float = UPPER,
        inplace: bool = False,
        *,
        rng: Any = None,
        shared_axes: Axes = None,
        keep_input: bool = False,
    ) -> None:
        check_bounds(lower, upper)
        super().__init__(lower, upper, inplace)  # unconverted, for the representation
        source_of(rng)  # raises here rather than at the first call
        if keep_input:
            check_kept(inplace)
        self.rng = rng
        self.shared_axes = shared_axes
        self.keep_input = keep_input

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that `torch.nn.RReLU` gives it
        """Apply the activation in the current mode.

        Parameters
        ----------
        input : Tensor of shape (...)
            float16, bfloat16, float32 or float64; dense, or sparse in COO, CSR or CSC.

        Returns
        -------
        Tensor of shape (...)
            The result, with the dtype, device and strides of `input`; `input` itself where `inplace` is set.
        """
        if self.keep_input or has_torch_function_unary(input):
            return self._otherwise(input)
        # The body of `multirrelu.rrelu`, to save a call.
        backend, slopes, out = _plan(input, self.lower, self.upper, self.training, self.inplace, None, self.rng, self.shared_axes)
        result: Tensor = backend.scale(input, input, slopes, out=out)
        return result

    def _otherwise(self, input: Tensor) -> Tensor:  # noqa: A002
        if isinstance(input, Proxy):  # the layer is the tracer's root, or `_call_impl` was bypassed
            return self._leaf(input.tracer, (input,), {})
        return rrelu(
            input,
            self.lower,
            self.upper,
            self.training,
            self.inplace,
            rng=self.rng,
            shared_axes=self.shared_axes,
            keep_input=self.keep_input,
        )

    if TYPE_CHECKING:  # type checkers take the result of a module for Any

        def __call__(self, input: Tensor) -> Tensor:  # noqa: A002, D102
            ...

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        # Checked here and not in `forward`, so that hooks see no trace of `torch.fx`: they run when the graph runs.
        if kwargs or has_torch_function(args):
            for one in args or kwargs.values():
                if isinstance(one, Proxy):
                    return self._leaf(one.tracer, args, kwargs)
        return nn.RReLU._call_impl(self, *args, **kwargs)  # `super()` would take as long as the check

    def _leaf(self, tracer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record one call in a trace of ``torch.fx``, as for PyTorch's own layers, so that the graph reads the mode when it runs."""
        path = tracer.path_of_module(self)
        if not path:
            raise TypeError("torch.fx cannot trace RReLU by itself: trace a model that has it, such as torch.nn.Sequential(layer)")
        return tracer.create_proxy("call_module", path, args, kwargs)

    def __prepare_scriptable__(self) -> nn.Module:
        """Refuse ``torch.jit.script``, which calls this method of each module before it reads any code."""
        raise NotImplementedError(
            "torch.jit.script cannot read multirrelu's RReLU: call torch.jit.trace(model.eval(), example), "
            "or multirrelu.layers.torch.restore_rrelu(model) first"
        )

    def extra_repr(self) -> str:
        """Return the arguments that ``torch.nn.RReLU`` shows, and further options that are set."""
        shared = "" if self.shared_axes is None else f", shared_axes={self.shared_axes!r}"
        kept = ", keep_input=True" if self.keep_input else ""
        return f"{super().extra_repr()}{shared}{kept}"
