"""The primitive of the activation and of its derivatives: `scale`, and `scale_at` for elements with given indices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._registry import name_of_array
from .bounds import check_bound, midpoint
from .checks import check_array, check_index, check_match, check_out
from .contract import Slopes
from .keys import own_key
from .refusals import check_namespace

if TYPE_CHECKING:
    from .contract import Array, Backend
    from .rrelu import A


def scale(values: A, gate: A, slopes: Slopes | float, /, *, out: A | None = None) -> A:
    """Multiply each of `values` by its slope where ``gate <= 0``: the primitive of the activation and its derivatives.

    The activation is ``scale(x, x, s)``, its VJP ``scale(g, x, s)`` and its JVP ``scale(t, x, s)``, because the Jacobian is diagonal.

    Parameters
    ----------
    values : array of shape (...)
        float16, bfloat16, float32 or float64.
    gate : array of shape (...)
        An array with the library, shape, dtype and device of `values`. Elements with a positive or NaN gate keep their value.
    slopes : Slopes or float
        The description of the slopes to draw, or one constant slope.
    out : array of shape (...), optional
        Write the result here; it may be `values` or `gate` itself, but must not overlap them in part.

    Returns
    -------
    array of shape (...)
        The result, with the dtype of `values`; `out` where it is given.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or `out` is immutable.
    ValueError
        If arrays do not match, the number of strides is not that of the axes, or a constant slope is not finite and within float32.

    Examples
    --------
    The tangent of `rrelu` at `x` along `t`:

    >>> import numpy as np, multirrelu
    >>> x, t = np.array([-1.0, 2.0]), np.array([1.0, 1.0])
    >>> multirrelu.scale(t, x, multirrelu.Slopes(1 / 8, 1 / 3, key=42))
    array([0.25269997, 1.        ])
    """
    backend = check_array("values", values)
    check_match("gate", gate, "values", values, backend)
    drawn = isinstance(slopes, Slopes)
    if backend.check is not None:
        backend.check(values, gate, out, drawn=drawn, stateful=None)
    if out is not None:
        check_out("out", out, "values", values, backend)
        if gate is not values:
            check_out("out", out, "gate", gate, backend)
    result: A = backend.scale(values, gate, _checked(slopes, values, backend), out=out)
    return result


def scale_at(values: Array, gate: Array, index: Array, slopes: Slopes | float, /) -> Array:
    """Multiply each of `values` by the slope of its index where ``gate <= 0``: `scale` for elements from anywhere in an array.

    It serves sparse, ragged and gathered arrays. It is linear in `values`, and differentiates as `scale` does.

    Parameters
    ----------
    values, gate : array of shape (...)
        As for `scale`.
    index : array of shape (...)
        int64: the index of each element in the logical array, modulo 2**64. The offset of `slopes` is added. Indices may come in any
        order, and more than once. The array has the library, shape and device of `values`.
    slopes : Slopes or float
        The description of the slopes to draw, without strides, or one constant slope.

    Returns
    -------
    array of shape (...)
        The result, with the dtype of `values`.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or the library lacks the standard functions that make the slopes.
    ValueError
        If arrays do not match, `slopes` have strides, or a constant slope is not finite and within float32.

    Examples
    --------
    Two elements of an array of shape (3, 4), at (0, 1) and (2, 3):

    >>> import numpy as np, multirrelu
    >>> x = -np.ones((3, 4), dtype=np.float32)
    >>> slopes = multirrelu.Slopes(0.1, 0.3, key=7)
    >>> stored = x[[0, 2], [1, 3]]
    >>> y = multirrelu.scale_at(stored, stored, np.array([1, 11]), slopes)
    >>> np.array_equal(y, multirrelu.scale(x, x, slopes)[[0, 2], [1, 3]])
    True
    """
    backend = check_array("values", values)
    check_match("gate", gate, "values", values, backend)
    check_index(index, values, backend)
    if backend.check is not None:
        backend.check(values, gate, None, drawn=False, stateful=None)  # sizes may be unknown, because the positions are given
    if isinstance(slopes, Slopes) and slopes.strides is not None:
        raise ValueError(f"an index is that of an element, which needs no strides: got slopes with strides {slopes.strides}")
    checked = _checked(slopes, values, backend)
    if backend.scale_at is not None:
        return backend.scale_at(values, gate, index, checked)
    from . import agnostic

    check_namespace(name_of_array(values), backend.namespace)
    return agnostic.scale_at(values, gate, index, checked)


def _checked(slopes: Slopes | float, values: Array, backend: Backend) -> Slopes | float:
    """Check that slopes fit the values, and return them as a backend takes them."""
    if not isinstance(slopes, Slopes):
        return check_bound("a constant slope", slopes)
    if slopes.strides is not None and len(slopes.strides) != len(values.shape):
        raise ValueError(f"slopes have {len(slopes.strides)} strides {slopes.strides} for an array of shape {tuple(values.shape)}")
    if slopes.lattice is None:
        return midpoint(slopes.lower, slopes.upper)
    return slopes if type(slopes.key) is int else slopes.keyed(own_key(slopes.key, backend))
