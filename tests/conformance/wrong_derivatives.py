"""Wrong derivatives: backends for PyTorch and JAX whose results are right, and whose backward pass is not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import multirrelu
from conformance.mutant import Mutant, api
from multirrelu import Slopes, agnostic

FIRST = ("test_automatic_gradient",)


def torch():
    """Return what a backward pass needs of PyTorch."""
    import torch

    return SimpleNamespace(where=torch.where, signbit=torch.signbit, ones_like=torch.ones_like, fixed=lambda x: x.detach())


def jax():
    """Return what a backward pass needs of JAX."""
    import jax
    import jax.numpy as jnp

    return SimpleNamespace(where=jnp.where, signbit=jnp.signbit, ones_like=jnp.ones_like, fixed=jax.lax.stop_gradient)


def recorded_by_torch(forward, pull):
    """Return a function of one tensor whose backward pass is ``pull(g, x, y)``."""
    import torch

    class Recorded(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = forward(x)
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            return pull(g, *ctx.saved_tensors)

    return Recorded.apply


def recorded_by_jax(forward, pull):
    """Return a function of one array whose backward pass is ``pull(g, x, y)``."""
    import jax

    function = jax.custom_vjp(forward)
    function.defvjp(lambda x: ((y := forward(x)), (x, y)), lambda kept, g: (pull(g, *kept),))
    return function


LIBRARIES = {"torch": (torch, recorded_by_torch), "jax.numpy": (jax, recorded_by_jax)}


def right(library, g, x, y, pulled):
    return pulled(g, x)


def zero_slope_by_the_sign_bit(library, g, x, y, pulled):
    return pulled(g, library.where(library.signbit(y), -library.ones_like(y), library.ones_like(y)))


def first_order_only(library, g, x, y, pulled):
    return pulled(library.fixed(g), x) + 0 * g


def backend(namespace, pull=right, slopes=lambda given: given):
    """Return a right `scale`, but for the backward pass of the activation, or for its slopes."""
    library, recorded = LIBRARIES[namespace]

    def scale(values, gate, given, /, *, out=None):
        if gate is not values or out is not None:
            return agnostic.scale(values, gate, given, out=out)

        def pulled(g, x):
            return agnostic.scale(g, x, slopes(given))

        slopes(given)
        return recorded(lambda x: agnostic.scale(x, x, given), lambda g, x, y: pull(library(), g, x, y, pulled))(values)

    return scale


def at(namespace, pull=right, index=lambda given: given):
    """Return a right `scale_at`, but for its backward pass, or for the indices of it."""
    library, recorded = LIBRARIES[namespace]

    def scale_at(values, gate, given, slopes, /):
        if gate is not values:
            return multirrelu.scale_at(values, gate, given, slopes)

        def pulled(g, x):
            return agnostic.scale_at(g, x, index(given), slopes)

        return recorded(lambda x: agnostic.scale_at(x, x, given, slopes), lambda g, x, y: pull(library(), g, x, y, pulled))(values)

    return api(scale_at=scale_at)


def drawn_afresh(given):
    return replace(given, key=given.key + 1) if isinstance(given, Slopes) else given


def of_the_first_call():
    """Return a step that gives each call the slopes of the first one with its bounds."""
    first = {}

    def slopes(given):
        return first.setdefault((given.lower, given.upper), given) if isinstance(given, Slopes) else given

    return slopes


def reversed_index(index):
    return index[::-1] if hasattr(index, "at") else index.flip(0)


def mutants(namespace):
    """Return the mutants of one library."""
    return {
        f"{namespace}: gradient drawn afresh": Mutant(
            (*FIRST, "test_automatic_gradient_of_two_calls"), backend=backend(namespace, slopes=drawn_afresh), namespace=namespace
        ),
        f"{namespace}: gate from the output's sign bit": Mutant(
            FIRST, backend=backend(namespace, zero_slope_by_the_sign_bit), namespace=namespace
        ),
        f"{namespace}: key of an earlier call": Mutant(
            ("test_automatic_gradient_of_two_calls",), backend=backend(namespace, slopes=of_the_first_call()), namespace=namespace
        ),
        f"{namespace}: second order dropped": Mutant(
            ("test_second_order",), backend=backend(namespace, first_order_only), namespace=namespace
        ),
        f"{namespace}: scale_at with the gradient of other indices": Mutant(
            ("test_automatic_gradient_of_scale_at",), api=at(namespace, index=reversed_index), backend=None, namespace=namespace
        ),
        f"{namespace}: scale_at with its second order dropped": Mutant(
            ("test_second_order_of_scale_at",), api=at(namespace, first_order_only), backend=None, namespace=namespace
        ),
    }


MUTANTS = mutants("torch") | mutants("jax.numpy")
HONEST = {f"{name}: a backward pass in small steps": Mutant((), backend=backend(name), namespace=name) for name in LIBRARIES}
