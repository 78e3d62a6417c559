"""Only type-checked: a result has the type of the array that it is made from, whatever library that is of."""

from typing import Any, assert_type

import numpy as np

import multirrelu

Numbers = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class Tensor:
    """An array of a library that mypy knows nothing of."""


def of_numpy(x: Numbers) -> None:
    assert_type(multirrelu.rrelu(x), Numbers)
    assert_type(multirrelu.rrelu(x, 0.1, 0.3, training=True, rng=42, out=x), Numbers)
    y, pullback = multirrelu.rrelu_vjp(x, training=True, rng=np.random.default_rng(0))
    assert_type(y, Numbers)
    assert_type(pullback(y), Numbers)
    assert_type(pullback(y, out=y), Numbers)
    assert_type(multirrelu.draw_slopes(x, rng=42, shared_axes=(0,)), Numbers)
    assert_type(multirrelu.scale(x, x, multirrelu.Slopes(0.1, 0.3, 42)), Numbers)
    assert_type(multirrelu.RReLU()(x), Numbers)


def of_any_library(x: Tensor) -> None:
    assert_type(multirrelu.rrelu(x, inplace=True), Tensor)
    y, pullback = multirrelu.rrelu_vjp(x)
    assert_type(y, Tensor)
    assert_type(pullback(x), Tensor)
    assert_type(multirrelu.draw_slopes(x, rng=42), Tensor)
    assert_type(multirrelu.scale(x, x, 0.2), Tensor)
    assert_type(multirrelu.RReLU().eval().train(False)(x), Tensor)
    assert_type(multirrelu.backend_for(x), multirrelu.Backend)


def of_no_type(x: Any) -> None:
    assert_type(multirrelu.rrelu(x), Any)


def wrong(x: Tensor) -> None:
    multirrelu.rrelu(x, 0.1, 0.3, True)  # type: ignore[call-arg, misc, unused-ignore] # options are named
    multirrelu.rrelu(x, trainin=True)  # type: ignore[call-arg] # a name that is none
    multirrelu.rrelu(x, lower="0.1")  # type: ignore[arg-type]
