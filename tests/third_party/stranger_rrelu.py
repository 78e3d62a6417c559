"""All that multirrelu needs to know of `stranger`, in one record."""

import stranger

from multirrelu import Backend, agnostic
from multirrelu.memory import Placement


def memory(array):
    """Return where an array lies: it offers neither DLPack nor NumPy's protocol, which would be asked otherwise."""
    elements = array._elements
    axes = tuple(zip(elements.shape, elements.strides, strict=True))
    return Placement(elements.ctypes.data, axes, elements.itemsize, read_only=not elements.flags.writeable)


def source(rng):
    """Return what gives a key from a generator of the library's own, at each call another one."""
    return rng.bits if isinstance(rng, stranger.Generator) else None


def default_key(x):
    """Return a key for the call that names no rng: from the generator that users seed."""
    return stranger.everyones.bits()


backend = Backend(
    scale=agnostic.scale,  # in the namespace's functions, until somebody writes a faster one
    namespace=stranger,
    writeable=True,
    memory=memory,
    source=source,
    default_key=default_key,
    accepts="a stranger.Generator",
    describe=lambda: "the standard functions, in stranger's own",
)
