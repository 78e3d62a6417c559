"""The capabilities that a library may lack; a test is skipped only for the lack of one."""

from __future__ import annotations

CAPABILITIES = {
    "float16": "a float16 dtype",
    "bfloat16": "a bfloat16 dtype",
    "float64": "a float64 dtype",
    "views": "slices of arrays, and the standard's reshape, permute_dims and broadcast_to",
    "negative_strides": "views that run backwards through memory",
    "aliasing": "views that share the memory of the array they were taken from",
    "writing": "arrays that can be written to, by out= and inplace=True",
    "read_only": "arrays that can be made read-only",
    "second_device": "another device, whose arrays must be refused",
    "scalars": "0-d arrays of floating point",
    "integers": "0-d int64 arrays, as keys that stay on their device",
    "uint64_keys": "0-d uint64 arrays as keys",
    "shifts": "int64 arrays with the operators of the standard, such as >> and &",
    "scale_at": "elements of any indices, in int64 arrays",
    "generator": "random generators of its own, whose state advances, as rng=",
    "default_rng": "a key for a call without rng",
    "global_generator": "a global generator, seeded by the user, that rng=None draws from",
    "autograd": "derivatives of a function of arrays",
    "second_order": "derivatives of derivatives",
}
"""The name of each capability, and a description."""


def lacking(suite: type) -> dict[str, str]:
    """Return the capabilities that a suite's library lacks, with reasons, as its class and its base classes declare them.

    Raises
    ------
    KeyError
        If a declared capability is not in `CAPABILITIES`.
    """
    together: dict[str, str | None] = {}
    for base in reversed(suite.__mro__):
        own = vars(base).get("lacks", {})
        for name in own:
            if name not in CAPABILITIES:
                raise KeyError(f"no capability is called {name!r}; there are {', '.join(CAPABILITIES)}")
        together |= own
    return {name: reason for name, reason in together.items() if reason is not None}  # None removes an entry
