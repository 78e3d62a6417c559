"""A library of arrays that nobody has heard of: no device, no DLPack, operators and functions of its own, generators, and a global seed."""

import random

import numpy as np

float32, float64, int64 = np.dtype("float32"), np.dtype("float64"), np.dtype("int64")


class Array:
    """An array, whose elements lie where only this library looks."""

    def __init__(self, elements, dtype=None):
        self._elements = np.array(elements, dtype)

    shape = property(lambda self: self._elements.shape)
    dtype = property(lambda self: self._elements.dtype)

    def __getitem__(self, key):
        view = Array(0)
        view._elements = self._elements[key]
        return view

    def __setitem__(self, key, value):
        self._elements[key] = bare(value)

    def tolist(self):
        return self._elements.tolist()


class Generator:
    """A source of random numbers."""

    def __init__(self, seed):
        self._source = random.Random(seed)

    def bits(self):
        """Return the next 64 random bits as an int."""
        return self._source.getrandbits(64)


everyones = Generator(0)
"""The generator that `seed` seeds."""


def seed(number):
    """Seed the generator of all who name none."""
    everyones.__init__(number)


def bare(x):
    """Return what NumPy can take."""
    return x._elements if isinstance(x, Array) else x


def made(function):
    """Make a function of arrays, or an operator, of one of NumPy's."""
    return lambda *args, **options: Array(function(*map(bare, args), **options))


def astype(x, dtype):
    """Return an array in another dtype."""
    return Array(x._elements, dtype)


OPERATORS = ("add", "and", "eq", "le", "lt", "mul", "neg", "radd", "rshift", "sub", "xor")
FUNCTIONS = ("all", "arange", "asarray", "broadcast_to", "full", "ones", "reshape", "where", "zeros", "zeros_like")
for _name in (f"__{name}__" for name in OPERATORS):
    setattr(Array, _name, made(lambda x, *other, name=_name: getattr(x, name)(*other)))
for _name in ("__bool__", "__float__", "__int__"):
    setattr(Array, _name, lambda self, name=_name: getattr(self._elements, name)())
globals().update({name: made(getattr(np, name)) for name in FUNCTIONS})
