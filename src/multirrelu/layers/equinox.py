"""RReLU as a module of Equinox, with the arguments and switches of `equinox.nn.Dropout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..bounds import check_bounds
from ..rrelu import LOWER, UPPER, rrelu
from ._jax import as_key

if TYPE_CHECKING:
    from ..checks import Axes
    from ..contract import Array


class RReLU(eqx.Module):  # type: ignore[misc] # mypy does not read Equinox's types
    """Apply the randomized leaky ReLU; keys and modes are those of `equinox.nn.Dropout`.

    Parameters
    ----------
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, as for `multirrelu.rrelu`. `equinox.tree_at` can change them later. Where they have become arrays,
        such as after `jax.device_put` of a model, their values are read in float32 and have no gradient.
    inference : bool, default: False
        Apply the constant slope of evaluation.
    shared_axes : int or sequence of int, optional
        Axes along which all elements share one slope.

    Raises
    ------
    TypeError, ValueError
        If the bounds are not what `multirrelu.rrelu` accepts.

    Examples
    --------
    >>> import equinox as eqx, jax, jax.numpy as jnp
    >>> from multirrelu.layers.equinox import RReLU
    >>> act = RReLU()
    >>> y = act(jnp.array([-1.0, 1.0]), key=jax.random.key(0))
    >>> eqx.nn.inference_mode(act)(jnp.array([-1.0, 1.0]))
    Array([-0.22916667,  1.        ], dtype=float32)
    """

    # Not static, so that `tree_at` can change them, as in Dropout.
    lower: float
    upper: float
    inference: bool
    shared_axes: Axes = eqx.field(static=True)

    def __init__(self, lower: float = LOWER, upper: float = UPPER, inference: bool = False, *, shared_axes: Axes = None) -> None:
        self.lower, self.upper = check_bounds(_number("lower", lower), _number("upper", upper))
        self.inference = inference
        self.shared_axes = shared_axes if shared_axes is None or isinstance(shared_axes, int) else tuple(shared_axes)

    @jax.named_scope("multirrelu.layers.equinox.RReLU")  # type: ignore[misc, untyped-decorator, unused-ignore]
    def __call__(self, x: Array, *, key: Any = None, inference: bool | None = None) -> jax.Array:
        """Apply the activation.

        Parameters
        ----------
        x : array of shape (...)
            float16, bfloat16, float32 or float64.
        key : JAX key, optional
            The key of the slopes, which training needs.
        inference : bool, optional
            Overrides the attribute of the module.

        Returns
        -------
        array of shape (...)
            The result, with the dtype of `x`.

        Raises
        ------
        RuntimeError
            If there is no key in training.
        TypeError
            If a bound is a traced array, whose value cannot be read.
        """
        x = jnp.asarray(x)  # NumPy arrays become JAX arrays, as in Dropout
        lower, upper = _number("lower", self.lower), _number("upper", self.upper)
        if self.inference if inference is None else inference:
            return rrelu(x, lower, upper)
        if key is None:
            raise RuntimeError("RReLU requires a key when running in non-deterministic mode.")
        return rrelu(x, lower, upper, training=True, rng=as_key(key), shared_axes=self.shared_axes)


def _number(name: str, bound: Any) -> Any:
    """Return a bound as a number where it is an array; a bound determines the lattice of slopes and has no gradient."""
    if not isinstance(bound, jax.Array) or bound.ndim:
        return bound
    try:
        return float(jax.lax.stop_gradient(bound))
    except jax.errors.ConcretizationTypeError:
        raise TypeError(
            f"{name} is a traced array, whose value cannot be read: place models by equinox.filter_shard, which leaves numbers alone, "
            "or make it a Python number again by equinox.tree_at"
        ) from None
