"""RReLU as a module of Flax Linen, with the arguments and switches of `flax.linen.Dropout`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
from flax import linen

from ..bounds import check_bounds
from ..rrelu import LOWER, UPPER, rrelu
from ._jax import as_key

if TYPE_CHECKING:
    import jax

    from ..contract import Array


class RReLU(linen.Module):  # type: ignore[misc] # mypy does not read Flax's types
    """Apply the randomized leaky ReLU; keys and modes are those of `flax.linen.Dropout`.

    Parameters
    ----------
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, as for `multirrelu.rrelu`.
    broadcast_dims : sequence of int, default: ()
        Axes along which all elements share one slope: `shared_axes` elsewhere in multirrelu.
    deterministic : bool, optional
        Apply the constant slope of evaluation. It is set either here or in the call, not in both.
    rng_collection : str, default: "dropout"
        The name of the rng in the ``rngs`` of ``apply`` that gives the keys.

    Raises
    ------
    TypeError, ValueError
        If the bounds are not what `multirrelu.rrelu` accepts.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from multirrelu.layers.linen import RReLU
    >>> x = jnp.array([-1.0, 1.0])
    >>> RReLU().apply({}, x, deterministic=True)
    Array([-0.22916667,  1.        ], dtype=float32)
    >>> y = RReLU(deterministic=False).apply({}, x, rngs={"dropout": jax.random.key(0)})
    """

    lower: float = LOWER
    upper: float = UPPER
    broadcast_dims: Sequence[int] = ()
    deterministic: bool | None = None
    rng_collection: str = "dropout"

    def __post_init__(self) -> None:
        """Check the bounds before a model is built."""
        check_bounds(self.lower, self.upper)
        super().__post_init__()

    @linen.compact  # type: ignore[misc, untyped-decorator, unused-ignore]
    def __call__(self, inputs: Array, deterministic: bool | None = None, rng: Any = None) -> jax.Array:
        """Apply the activation.

        Parameters
        ----------
        inputs : array of shape (...)
            float16, bfloat16, float32 or float64.
        deterministic : bool, optional
            Apply the constant slope of evaluation, where the module does not set it.
        rng : JAX key, optional
            The key, in place of a key from `rng_collection`.

        Returns
        -------
        array of shape (...)
            The result, with the dtype of `inputs`.
        """
        x = jnp.asarray(inputs)  # NumPy arrays become JAX arrays, as in Dropout
        if linen.merge_param("deterministic", self.deterministic, deterministic):
            return rrelu(x, self.lower, self.upper)
        key = self.make_rng(self.rng_collection) if rng is None else rng
        return rrelu(x, self.lower, self.upper, training=True, rng=as_key(key), shared_axes=self.broadcast_dims)
