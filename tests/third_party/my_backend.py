"""A backend as a stranger would write it, and the same with a mistake."""

import numpy as np

from multirrelu import Slopes, agnostic


def scale(values, gate, slopes, /, *, out=None):
    """Multiply each of `values` by its slope where ``gate <= 0``."""
    wide = np.float64 if values.dtype == np.float64 else np.float32
    if isinstance(slopes, Slopes):
        one = np.ones(values.shape, dtype=wide)
        factors = agnostic.scale(one, -one, slopes)
    else:
        factors = np.full(values.shape, slopes, dtype=wide)
    result = values.copy() if out is None else out
    closed = gate <= 0
    result[...] = values
    with np.errstate(all="ignore"):
        result[closed] = values[closed].astype(wide) * factors[closed]
    return result


def looks_at_the_values(values, gate, slopes, /, *, out=None):
    """Do as `scale` does, but with the values as the gate."""
    return scale(values, values, slopes, out=out)
