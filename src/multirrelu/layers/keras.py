"""RReLU as a layer of Keras 3, with the arguments and switches of `keras.layers.Dropout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import keras

from ..bounds import check_bounds
from ..checks import axes_of
from ..rrelu import LOWER, UPPER, rrelu
from ..scalars import shown

if TYPE_CHECKING:
    from ..checks import Axes
    from ..contract import Array

SEEDS = 1 << 31
"""The limit of a seed: Keras stores seeds in 64 bits for TensorFlow, in 32 for JAX and in 31 for PyTorch."""


@keras.saving.register_keras_serializable(package="multirrelu")
class RReLU(keras.layers.Layer):  # type: ignore[misc] # mypy does not read Keras's types
    """Apply the randomized leaky ReLU; seeds and modes are those of `keras.layers.Dropout`.

    One seed gives the same slopes on every backend of Keras: the key of a call is ``seed << 32 | count``, where `count` is the number of
    keys that the layer's ``seed_generator`` has given before.

    Parameters
    ----------
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, as for `multirrelu.rrelu`.
    shared_axes : int or sequence of int, optional
        Axes along which all elements share one slope, as for `keras.layers.PReLU`: 0 is the batch, 1 the first axis after it.
    seed : int or SeedGenerator, optional
        An integer in [0, 2**31), or a generator of `keras.random`. Layers with equal seeds draw equal slopes; layers that share a
        generator draw different slopes. With None the seed is random, and `keras.utils.set_random_seed` determines it.
    **kwargs
        ``name``, ``dtype`` and the other arguments of `keras.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If the bounds or axes are not what `multirrelu.rrelu` accepts, or `seed` is none of the above.

    Examples
    --------
    >>> import numpy as np
    >>> from multirrelu.layers.keras import RReLU
    >>> act = RReLU(seed=0)
    >>> x = np.array([-2.0, -1.0, 0.0, 1.0], dtype="float32")
    >>> np.asarray(act(x))
    array([-0.45833334, -0.22916667,  0.        ,  1.        ], dtype=float32)
    >>> y = act(x, training=True)
    """

    def __init__(
        self,
        lower: float = LOWER,
        upper: float = UPPER,
        shared_axes: Axes = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lower, self.upper = check_bounds(lower, upper)
        self.shared_axes = None if shared_axes is None else axes_of(shared_axes)
        self.seed = seed
        self.seed_generator = _generator(seed)
        self.supports_masking = True
        self.built = type(self).build is keras.layers.Layer.build  # a subclass may override `build`

    def call(self, inputs: Array, training: bool = False) -> Array:
        """Apply the activation.

        Parameters
        ----------
        inputs : tensor of shape (...)
            float16, bfloat16, float32 or float64.
        training : bool, default: False
            Draw the slopes; otherwise apply the constant one. Models set it in ``fit``.

        Returns
        -------
        tensor of shape (...)
            The result, with the dtype of `inputs`.
        """
        if not training:
            return rrelu(inputs, self.lower, self.upper)
        key = _key(self.seed_generator.next())
        return rrelu(inputs, self.lower, self.upper, training=True, rng=key, shared_axes=self.shared_axes)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result, which is the shape of the input.

        Parameters
        ----------
        input_shape : tuple of int or None
            The shape of the input.

        Returns
        -------
        tuple of int or None
            `input_shape`.
        """
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which `from_config` makes an equal layer.

        Returns
        -------
        dict
            The arguments of the class, as values that JSON can hold.
        """
        own = {"lower": self.lower, "upper": self.upper, "shared_axes": self.shared_axes}
        return {**super().get_config(), **own, "seed": keras.saving.serialize_keras_object(self.seed)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer with the arguments of `get_config`.

        Parameters
        ----------
        config : dict
            The result of `get_config`.

        Returns
        -------
        RReLU
            A layer whose generator is at the start of its seed.
        """
        layer: Self = super().from_config({**config, "seed": keras.saving.deserialize_keras_object(config.get("seed"))})
        return layer


def _generator(seed: Any) -> keras.random.SeedGenerator:
    if isinstance(seed, keras.random.SeedGenerator):
        return seed
    if seed is not None and type(seed) is not int:
        raise TypeError(f"seed must be an int in [0, 2**31), a keras.random.SeedGenerator or None, got {shown(seed)}")
    if seed is not None and not 0 <= seed < SEEDS:
        raise ValueError(f"an integer seed must lie in [0, 2**31), which every backend of Keras can keep, got {shown(seed)}")
    return keras.random.SeedGenerator(seed)


def _key(words: Array) -> Array:
    """Return the key with a generator's seed as the high word and its count as the low word."""
    if keras.backend.backend() == "jax":
        return words  # two words are a JAX key, and JAX has 64-bit integers only where they are enabled
    words = keras.ops.cast(words, "int64")
    return words[0] * (1 << 32) + words[1] % (1 << 32)  # the count may be negative in PyTorch's int32
