"""`rrelu`, its pullback and its slopes: check the arguments, take the key, and call the backend."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._registry import backend_for, name_of_array
from .bounds import check_bounds, lattice, midpoint
from .checks import check_array, check_match, check_out, device_of, on, same_memory, shared_strides
from .contract import KEYS, Slopes, made, output_tells
from .dtypes import DTYPES, compute_type, dtype_name
from .keys import own_key, source_of, stateful
from .refusals import check_namespace
from .scalars import check_flag

if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    from .checks import Axes
    from .contract import Array, Backend

    A = TypeVar("A", bound=Any)  # an array; the result has the same type

    class Pullback(Protocol[A]):
        """The pullback that `rrelu_vjp` returns with the result."""

        def __call__(self, g: A, /, *, out: A | None = None) -> A:
            """Multiply a cotangent by the factors that were applied."""


LOWER, UPPER = 1 / 8, 1 / 3


def rrelu(
    x: A,
    /,
    lower: float = LOWER,
    upper: float = UPPER,
    *,
    training: bool = False,
    inplace: bool = False,
    out: A | None = None,
    rng: Any = None,
    shared_axes: Axes = None,
) -> A:
    """Apply the randomized leaky ReLU to an array.

    ::

        y = x      where x > 0
        y = a * x  where x <= 0

    In training the slope ``a`` of each element is drawn from the uniform distribution on ``[lower, upper]``; in evaluation it is the
    constant ``(lower + upper) / 2``. A slope is a pure function of the key and the element's position: one key gives the same bits in
    every library, on every device and in any chunking.

    Parameters
    ----------
    x : array of shape (...)
        float16, bfloat16, float32 or float64, in any memory layout, 0-d and empty arrays too. Its library has a backend or follows the
        Array API standard.
    lower, upper : float, default: 1/8 and 1/3
        The bounds of the slopes, finite and within float32, ``lower <= upper``. They may be negative or above one.
    training : bool, default: False
        Draw the slopes; otherwise apply the constant one.
    inplace : bool, default: False
        Write the result to `x`.
    out : array of shape (...), optional
        Write the result here. It has the library, shape, dtype and device of `x`, and overlaps `x` either wholly or not at all.
    rng : optional
        The source of the key, in training only. An int in [0, 2**64) or a 0-d integer array is the key itself. A generator of NumPy,
        PyTorch, CuPy or TensorFlow gives its next key at each call; a JAX key, an MLX key or a sequence of ints gives the same key at each
        call. None takes the next key of the library's global generator (PyTorch, CuPy, TensorFlow, MLX), or else entropy from the operating
        system. It is an error in JAX and ndonnx.
    shared_axes : int or sequence of int, optional
        Axes along which all elements share one slope.

    Returns
    -------
    array of shape (...)
        The result, with the dtype, library and device of `x`: `x` itself where `inplace` is true, and `out` where it is given.

    Raises
    ------
    TypeError
        If `x` or `out` is no array or has another dtype; if the array to write to is immutable; if a bound or an axis is no number; or if
        `rng` gives no key.
    ValueError
        If a bound, an axis or an integer `rng` is out of range, ``lower > upper``, or `out` does not match `x`.

    Notes
    -----
    The function is that of Xu et al. 2015, "Empirical Evaluation of Rectified Activations in Convolutional Network",
    arXiv:1505.00853, with the parameters of ``torch.nn.RReLU``. The derivative is the factor that was applied: 1 where
    ``x > 0`` or NaN, and the slope elsewhere, including at 0.

    Examples
    --------
    >>> import numpy as np, multirrelu
    >>> x = np.array([-2.0, -1.0, 0.0, 1.0])
    >>> multirrelu.rrelu(x, 0.1, 0.3)
    array([-0.4, -0.2,  0. ,  1. ])
    >>> multirrelu.rrelu(x, training=True, rng=42)
    array([-0.50539994, -0.22262219,  0.        ,  1.        ])
    """
    backend, slopes, target = _plan(x, lower, upper, training, inplace, out, rng, shared_axes)
    y: A = backend.scale(x, x, slopes, out=target)
    return y


def rrelu_vjp(
    x: A,
    /,
    lower: float = LOWER,
    upper: float = UPPER,
    *,
    training: bool = False,
    inplace: bool = False,
    out: A | None = None,
    rng: Any = None,
    shared_axes: Axes = None,
) -> tuple[A, Pullback[A]]:
    """Apply the randomized leaky ReLU and return its pullback too, for libraries without automatic differentiation.

    Only the key and one array are kept between the two passes; the pullback draws the slopes again. The array is the output, which
    must not be changed before the pullback. Where slopes can be negative, it is `x`, or a copy of `x` where the result overwrites it.

    Parameters
    ----------
    x, lower, upper, training, inplace, out, rng, shared_axes
        As for `rrelu`.

    Returns
    -------
    y : array of shape (...)
        The result of `rrelu`.
    pullback : callable
        ``pullback(g, /, *, out=None)`` multiplies the cotangent `g` by the factor that was applied to each element. `g` has the shape,
        dtype and device of `y`; `out` may be `g` itself. The pullback can be called any number of times.

    Raises
    ------
    TypeError, ValueError
        As for `rrelu`; `pullback` raises them where `g` does not match `y`.

    Examples
    --------
    >>> import numpy as np, multirrelu
    >>> x = np.array([-2.0, -1.0, 0.0, 1.0])
    >>> y, pullback = multirrelu.rrelu_vjp(x, training=True, rng=42)
    >>> pullback(np.ones(4))
    array([0.25269997, 0.22262219, 0.14025658, 1.        ])
    """
    backend, slopes, target = _plan(x, lower, upper, training, inplace, out, rng, shared_axes)
    from_output = output_tells(slopes)  # the next layer keeps the output alive anyway
    kept = x if from_output or target is None or not same_memory(target, x, backend) else backend.namespace.asarray(x, copy=True)
    y: A = backend.scale(x, x, slopes, out=target)
    gate = y if from_output else kept

    def pullback(g: A, /, *, out: A | None = None) -> A:
        check_match("the cotangent", g, "y", gate, backend)
        if backend.check is not None:
            backend.check(g, gate, out, drawn=isinstance(slopes, Slopes), stateful=None)
        if out is not None:
            check_out("out", out, "the cotangent", g, backend)
            check_out("out", out, "the array kept for the pullback", gate, backend)
        gradient: A = backend.scale(g, gate, slopes, out=out)
        return gradient

    return y, pullback


def draw_slopes(
    like: A,
    /,
    lower: float = LOWER,
    upper: float = UPPER,
    *,
    rng: Any,
    shared_axes: Axes = None,
) -> A:
    """Return the slopes that `rrelu` draws for an array, for replay and study.

    Parameters
    ----------
    like : array of shape (...)
        The array that gives the library, shape, dtype and device; its values do not matter.
    lower, upper, rng, shared_axes
        As for `rrelu` with ``training=True``.

    Returns
    -------
    array of shape (...)
        The slope of every element, positive elements included: float64 where `like` is float64, else float32, and exact in both.

    Raises
    ------
    TypeError, ValueError
        As for `rrelu`.

    Examples
    --------
    >>> import numpy as np, multirrelu
    >>> multirrelu.draw_slopes(np.zeros(3), rng=42)
    array([0.25269997, 0.22262219, 0.14025658])
    """
    backend, slopes, _ = _plan(like, lower, upper, True, False, None, rng, shared_axes)
    drawn: A = _draw(like, slopes, backend) if backend.draw is None else backend.draw(like, slopes)
    return drawn


def _draw(like: Array, slopes: Slopes | float, backend: Backend) -> Array:
    """Return the slopes, as the result of `scale` for values of one and a gate of zero or less."""
    xp, shape = backend.namespace, tuple(like.shape)
    check_namespace(name_of_array(like), xp, ("float64" if dtype_name(like.dtype) == "float64" else "float32", "ones", "broadcast_to"))
    one = xp.ones((1,) * len(shape), dtype=compute_type(xp, like.dtype), **on(device_of(like)))
    values, gate = (xp.broadcast_to(value, shape) for value in (one, -one))
    return backend.scale(values, gate, slopes)


def _plan(
    x: Array, lower: float, upper: float, training: Any, inplace: Any, out: Array | None, rng: Any, shared_axes: Axes
) -> tuple[Backend, Slopes | float, Array | None]:
    """Check all arguments, then take the key, so that an error is raised before anything is drawn or written."""
    backend = backend_for(x)
    if dtype_name(x.dtype) not in DTYPES:
        check_array("x", x)
    if type(training) is not bool:
        training = check_flag("training", training)
    if inplace is not False and check_flag("inplace", inplace):
        if out is not None and out is not x:
            raise ValueError("inplace=True writes to x: do not name another out as well")
        out = x
    plain = rng is None or type(rng) is int
    if backend.check is not None:
        backend.check(x, x, out, drawn=training, stateful=None if plain or not training else stateful(rng))
    if out is not None:
        check_out("x" if out is x else "out", out, "x", x, backend)
    low, high = check_bounds(lower, upper)
    strides = None if shared_axes is None else shared_strides(tuple(x.shape), shared_axes)
    source = None if plain and (rng is None or 0 <= rng < KEYS) else source_of(rng)
    if not training:
        return backend, midpoint(low, high), out
    if source is not None:
        rng = own_key(source(), backend)
    elif rng is None:
        rng = backend.default_key(x) if backend.default_key is not None else int.from_bytes(os.urandom(8), "little")
    points = lattice(low, high)
    return backend, midpoint(low, high) if points is None else made(low, high, rng, 0, strides, points), out
