"""Read keys of JAX that NumPy holds."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def as_key(rng: Any) -> Any:
    """Return a JAX key that NumPy holds, such as one that was loaded from a file, as JAX's own; to `rrelu` it would be a seed."""
    legacy = getattr(rng, "dtype", None) == "uint32" and getattr(rng, "shape", None) == (2,)
    return jnp.asarray(rng) if legacy else rng
