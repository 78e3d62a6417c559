"""JAX keys as keys of 64 bits, which may be traced; JAX has no global generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from multirrelu.stream import philox


def source(rng: Any) -> Callable[[], Any] | None:
    """Return a function that converts a JAX key, typed or uint32[2], to a key of 64 bits, or None."""
    if jax.dtypes.issubdtype(rng.dtype, jax.dtypes.prng_key):
        return (lambda: _typed(rng)) if rng.ndim == 0 else None
    return (lambda: _key(rng, _from_words)) if rng.dtype == "uint32" and rng.shape == (2,) else None


def _typed(rng: Any) -> Any:
    if jax.config.jax_debug_key_reuse:  # JAX's checker counts drawing bits as a use of a key, but not reading its words
        jax.random.bits(rng)
    return _key(rng, _from_typed)


def _key(rng: Any, convert: Callable[[Any], Any]) -> Any:
    # An array, not a number: the words may be traced, and reading them would make the host wait for the device.
    with jax.enable_x64(True):  # JAX makes 64-bit numbers only inside; they keep their dtype outside
        return convert(rng)


@jax.jit  # type: ignore[untyped-decorator]
def _from_typed(key: Any) -> Any:
    return _from_words(jax.random.key_data(key))


@jax.jit  # type: ignore[untyped-decorator]
def _from_words(data: Any) -> Any:
    return key_of([data[i].astype("int64") for i in range(data.shape[0])])


def key_of(words: list[Any]) -> Any:
    """Return the 64-bit key for the words of a JAX key: two words joined, high word first; four words by one Philox block under key 0.

    The words are ints or int64 arrays, and the key is of the same kind, with the same bits.
    """
    if len(words) != 2:
        words = list(philox(words, (0, 0)))[:2]
    return words[0] << 32 | words[1]


def default_key(x: Any) -> Any:
    """Raise, because JAX has no global generator.

    Raises
    ------
    TypeError
        Always.
    """
    raise TypeError("JAX has no global generator: pass rng=jax.random.key(seed), or an int")
