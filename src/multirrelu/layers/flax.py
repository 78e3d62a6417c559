"""RReLU as a module of Flax NNX, with the arguments and switches of `flax.nnx.Dropout`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.module import first_from

from ..bounds import check_bounds
from ..rrelu import LOWER, UPPER, rrelu

if TYPE_CHECKING:
    from ..contract import Array


class RReLU(nnx.Module):  # type: ignore[misc] # mypy does not read Flax's types
    """Apply the randomized leaky ReLU; keys and modes are those of `flax.nnx.Dropout`.

    Parameters
    ----------
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, as for `multirrelu.rrelu`.
    broadcast_dims : sequence of int, default: ()
        Axes along which all elements share one slope: `shared_axes` elsewhere in multirrelu.
    deterministic : bool or None, default: False
        Apply the constant slope of evaluation. ``train`` and ``eval`` of the model set it; with None every call must pass it.
    rng_collection : str, default: "dropout"
        The stream of `rngs` that gives the keys.
    rngs : nnx.Rngs or nnx.RngStream, optional
        The source of the keys, which is forked as in `Dropout`. Without it, every call in training must pass `rngs`.

    Raises
    ------
    TypeError, ValueError
        If the bounds are not what `multirrelu.rrelu` accepts, or `rngs` is none of the above.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from multirrelu.layers.flax import RReLU
    >>> act = RReLU(rngs=nnx.Rngs(0))
    >>> act.eval()
    >>> act(jnp.array([-1.0, 1.0]))
    Array([-0.22916667,  1.        ], dtype=float32)
    """

    def __init__(
        self,
        lower: float = LOWER,
        upper: float = UPPER,
        *,
        broadcast_dims: Sequence[int] = (),
        deterministic: bool | None = False,
        rng_collection: str = "dropout",
        rngs: Any = None,
    ) -> None:
        self.lower, self.upper = check_bounds(lower, upper)
        self.broadcast_dims = broadcast_dims
        self.deterministic = deterministic
        self.rng_collection = rng_collection
        if isinstance(rngs, nnx.Rngs):
            self.rngs = rngs[rng_collection].fork()
        elif isinstance(rngs, nnx.RngStream):
            self.rngs = rngs.fork()
        elif rngs is None:
            self.rngs = nnx.data(None)
        else:
            raise TypeError(f"rngs must be a Rngs, RngStream or None, but got {type(rngs)}.")

    def __call__(self, inputs: Array, *, deterministic: bool | None = None, rngs: Any = None) -> jax.Array:
        """Apply the activation.

        Parameters
        ----------
        inputs : array of shape (...)
            float16, bfloat16, float32 or float64.
        deterministic : bool, optional
            Overrides the attribute of the module.
        rngs : nnx.Rngs, nnx.RngStream or JAX key, optional
            Overrides the attribute of the module.

        Returns
        -------
        array of shape (...)
            The result, with the dtype of `inputs`.

        Raises
        ------
        TypeError
            If `rngs` is none of the above.
        ValueError
            If neither the module nor the call sets `deterministic`, or neither has `rngs` in training.
        """
        x = jnp.asarray(inputs)  # NumPy arrays become JAX arrays, as in Dropout
        deterministic = first_from(
            deterministic,
            self.deterministic,
            error_msg="No `deterministic` argument was provided to RReLU, as either a __call__ argument or class attribute.",
        )
        if deterministic:
            return rrelu(x, self.lower, self.upper)
        return rrelu(x, self.lower, self.upper, training=True, rng=self._key(rngs), shared_axes=self.broadcast_dims)

    def _key(self, rngs: Any) -> jax.Array:
        missing = "`deterministic` is False, but no `rngs` argument was provided to RReLU as either a __call__ argument or class attribute."
        rngs = first_from(rngs, self.rngs, error_msg=missing)
        if isinstance(rngs, nnx.Rngs):
            return rngs[self.rng_collection]()
        if isinstance(rngs, nnx.RngStream):
            return rngs()
        if isinstance(rngs, jax.Array):
            return rngs
        raise TypeError(f"rngs must be a Rngs, RngStream or jax.Array, but got {type(rngs)}.")

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch a view of the model, for `nnx.view`; `nnx.view_info` reads the following lines in Flax's own format.

        Args:
          deterministic: if True, the constant slope of evaluation is applied.
        """
        if deterministic is not None:
            self.deterministic = deterministic
