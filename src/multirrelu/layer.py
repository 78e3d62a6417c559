"""`RReLU`: the activation as a callable object with a training and an evaluation mode, for any array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bounds import check_bounds
from .keys import source_of
from .rrelu import LOWER, UPPER, rrelu

if TYPE_CHECKING:
    from .checks import Axes
    from .rrelu import A


class RReLU:
    """The randomized leaky ReLU as a callable with a training and an evaluation mode; it starts in training mode.

    Parameters
    ----------
    lower, upper, inplace, rng, shared_axes
        As for `rrelu`. An integer `rng` gives the same slopes at every call, a generator new slopes at each call.

    Attributes
    ----------
    training : bool
        Whether slopes are drawn; `train` and `eval` set it.

    Raises
    ------
    TypeError, ValueError
        If the bounds or `rng` are not what `rrelu` accepts.

    Examples
    --------
    >>> import numpy as np, multirrelu
    >>> act = multirrelu.RReLU(rng=np.random.default_rng(0))
    >>> act(np.array([-1.0, 1.0]))
    array([-0.32051209,  1.        ])
    >>> act.eval()(np.array([-1.0, 1.0]))
    array([-0.22916667,  1.        ])
    >>> act
    RReLU(lower=0.125, upper=0.3333333333333333)
    """

    def __init__(
        self, lower: float = LOWER, upper: float = UPPER, inplace: bool = False, *, rng: Any = None, shared_axes: Axes = None
    ) -> None:
        self.lower, self.upper = check_bounds(lower, upper)
        source_of(rng)  # raises here rather than at the first call
        self.inplace = inplace
        self.rng = rng
        self.shared_axes = shared_axes
        self.training = True

    def __call__(self, x: A, /) -> A:
        """Apply the activation in the current mode."""
        return rrelu(
            x,
            self.lower,
            self.upper,
            training=self.training,
            inplace=self.inplace,
            rng=self.rng,
            shared_axes=self.shared_axes,
        )

    def train(self, mode: bool = True) -> RReLU:
        """Set the training mode and return the layer."""
        self.training = mode
        return self

    def eval(self) -> RReLU:
        """Set the evaluation mode and return the layer."""
        return self.train(False)

    def __repr__(self) -> str:
        """Return the bounds, and `inplace` and `shared_axes` where they differ from the defaults."""
        extra = ", inplace=True" if self.inplace else ""
        extra += f", shared_axes={self.shared_axes!r}" if self.shared_axes is not None else ""
        return f"RReLU(lower={self.lower}, upper={self.upper}{extra})"
