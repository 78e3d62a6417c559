"""All that multirrelu needs to know of `stranger`, in one record."""

import stranger

from multirrelu import Backend, agnostic
from multirrelu.memory import Placement


def memory(array):
    """Return where an array lies, because it has neither DLPack nor NumPy's protocol."""
    held = array._elements
    address, read_only = held.ctypes.data, not held.flags.writeable
    return Placement(address, held.shape, held.strides, held.itemsize, read_only)


def source(rng):
    """Return a function that gives the next key of a generator of this library."""
    return rng.bits if isinstance(rng, stranger.Generator) else None


def default_key(x):
    """Return a key for a call without rng, from the generator that users seed."""
    return stranger.everyones.bits()


backend = Backend(
    scale=agnostic.scale,  # in the functions of the namespace
    namespace=stranger,
    writeable=True,
    memory=memory,
    source=source,
    default_key=default_key,
    accepts="a stranger.Generator",
    describe=lambda: "the standard functions, in stranger's own",
)
