"""Convert JAX keys that are NumPy arrays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def as_key(rng: Any) -> Any:
    """Return a JAX key in a NumPy array, such as one from a file, as a JAX array; `rrelu` would take the NumPy array as a seed."""
    legacy = getattr(rng, "dtype", None) == "uint32" and getattr(rng, "shape", None) == (2,)
    return jnp.asarray(rng) if legacy else rng
