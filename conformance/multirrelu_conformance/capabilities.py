"""What a library may lack, and which libraries lack it: the one place where a test's skip is decided and explained."""

from __future__ import annotations

CAPABILITIES = {
    "float16": "a float16 dtype",
    "bfloat16": "a bfloat16 dtype",
    "float64": "a float64 dtype",
    "writing": "arrays that can be written to, so that out= and inplace=True mean something",
    "aliasing": "views that share the memory of the array they were taken from",
    "read_only": "arrays that can be made read-only",
    "negative_strides": "views that run backwards through memory",
    "uint64_keys": "0-d uint64 arrays as keys",
    "second_device": "another device on which an array can be made, to see that it is refused",
    "generator": "random generators of its own, with a state that advances, as rng=",
    "default_rng": "a key for the call that names no rng",
    "global_generator": "a global generator, seeded by the user, that rng=None draws from",
    "autograd": "derivatives of a function of arrays",
    "second_order": "derivatives of derivatives",
}
"""Name of each capability, and what a library that has it has."""

LACKS: dict[str, dict[str, str]] = {
    "numpy": {
        "bfloat16": "NumPy has no bfloat16 of its own",
        "second_device": "NumPy arrays live on one device",
        "global_generator": "NumPy's global generator is legacy: rng=None takes fresh entropy instead",
        "autograd": "NumPy has no automatic differentiation: rrelu_vjp is its backward pass",
        "second_order": "NumPy has no automatic differentiation",
    },
    "array_api_strict": {
        "float16": "the array API standard has no float16",
        "bfloat16": "the array API standard has no bfloat16",
        "read_only": "the array API standard has no read-only arrays",
        "generator": "the array API standard has no random numbers",
        "global_generator": "the array API standard has no random numbers",
        "autograd": "the array API standard has no automatic differentiation",
        "second_order": "the array API standard has no automatic differentiation",
    },
    "torch": {
        "read_only": "PyTorch tensors are always writeable",
        "negative_strides": "PyTorch tensors have no negative strides, https://github.com/pytorch/pytorch/issues/229",
    },
    "cupy": {
        "read_only": "CuPy arrays are always writeable",
        "second_device": "a second CUDA device is seldom there",
        "autograd": "CuPy has no automatic differentiation: rrelu_vjp is its backward pass",
        "second_order": "CuPy has no automatic differentiation",
    },
    "jax.numpy": {
        "writing": "JAX arrays are immutable",
        "aliasing": "JAX arrays are immutable, so views are copies",
        "read_only": "JAX arrays are always read-only",
        "second_device": "a second device is seldom there",
        "generator": "JAX's keys are values: they have no state that advances",
        "default_rng": "JAX has no global generator: rng=None is an error there",
        "global_generator": "JAX has no global generator",
    },
    "dask.array": {
        "bfloat16": "Dask's chunks are NumPy arrays, which have no bfloat16",
        "writing": "Dask arrays are lazy: what is assigned to is their graph",
        "aliasing": "Dask arrays are lazy and have no memory",
        "read_only": "Dask arrays are lazy and have no memory",
        "second_device": "Dask arrays have no device of their own",
        "generator": "Dask's generators spread seeds over chunks, which would tie slopes to the chunking",
        "global_generator": "Dask has no global generator",
        "autograd": "Dask has no automatic differentiation",
        "second_order": "Dask has no automatic differentiation",
    },
}
"""For each array namespace what it lacks, with the reason. A namespace that is not here gets every test."""


def lacking(namespace: str, own: dict[str, str | None]) -> dict[str, str]:
    """Return what a library lacks, with reasons: what is declared here, then what a suite declares; None takes a lack back.

    Raises
    ------
    KeyError
        If a suite declares a capability that is not in `CAPABILITIES`.
    """
    for name in own:
        if name not in CAPABILITIES:
            raise KeyError(f"no capability is called {name!r}; there are {', '.join(CAPABILITIES)}")
    together = {**LACKS.get(namespace, {}), **own}
    return {name: reason for name, reason in together.items() if reason is not None}
