"""One case on one library: the arrays that it is made of, and what has become of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fuzz import draws, reference
from fuzz.libraries import Fuzzed
from fuzz.views import View, draw_view
from multirrelu_conformance.bits import Host, bits_of, host_dtype


class WrongError(AssertionError):
    """Something other than bits is not as it should be."""


class Operand(NamedTuple):
    """An array of the library, the view that it is of flat memory, and what that memory should hold."""

    flat: Any
    view: View
    array: Any
    memory: Host

    @property
    def host(self) -> Host:
        """What the array should hold, as a view."""
        return self.view.take(np, self.memory)


class Trial:
    """The draws that all functions have in common, the arrays, and the count of elements and of bits that differ."""

    def __init__(self, library: Fuzzed, rng: np.random.Generator) -> None:
        self.library, self.rng = library, rng
        self.dtype = str(rng.choice(library.dtypes()))
        self.kind = str(rng.choice(library.kinds))
        self.shape = draws.shape(rng, library.large, library.huge // host_dtype(self.dtype).itemsize)
        self.bounds = draws.bounds(rng)
        self.operands: list[Operand] = []
        self.elements = self.bits = 0
        self.said = [self.dtype, f"shape={self.shape}", f"bounds={self.bounds}", f"kind={self.kind}"]

    def say(self, **what: Any) -> None:
        """Keep what a failure tells of the case."""
        self.said += [f"{name}={value!r}" for name, value in what.items()]

    def one_of(self, *choices: Any) -> Any:
        """A choice, each as likely as another."""
        return choices[int(self.rng.integers(len(choices)))]

    def operand(self, *, written: bool = False) -> Operand:
        """An array of random numbers, in a layout that can be written to where it will be."""
        backwards = self.library.has("negative_strides")
        view = draw_view(self.rng, self.shape, shared=not written, backwards=backwards)
        place = str(self.one_of(*self.library.places))
        memory = draws.numbers(self.rng, view.size, self.dtype)
        if not self.library.has("aliasing"):  # where views are copies, a copy is made once, by NumPy
            array = self.library.array(view.take(np, memory), self.dtype)
            return self._keep(Operand(array, view, array, memory))
        flat = self.laid(memory, "plain" if written and place == "read_only" else place)
        return self._keep(Operand(flat, view, view.take(self.library.xp, flat), memory))

    def laid(self, memory: Host, place: str) -> Any:
        """Flat memory of the library, of the kind that the case is of."""
        kind = self.one_of("plain", "swapped") if self.kind == "mixed" else self.kind
        return self.library.laid(self.library.array(memory, self.dtype), kind, place)

    def _keep(self, operand: Operand) -> Operand:
        self.operands.append(operand)
        return operand

    def target(self, *choices: str) -> str:
        """Where a result goes: to a new array of the library's own making, or to one of the choices where the library writes."""
        if not self.library.has("aliasing"):
            choices = tuple(choice for choice in choices if choice not in ("twin", "woven"))
        chosen = str(self.one_of("", "", *choices)) if self.library.has("writing") else ""
        self.say(out=chosen)
        return chosen

    def pair(self, out: str) -> tuple[Operand, Operand | None]:
        """An array to read, and one to write to: none, a new one, itself, itself in another view, or the gaps between its elements."""
        if out == "woven":
            return self._woven()
        read = self.operand(written=out in ("itself", "twin", "inplace"))
        if out == "twin":
            return read, read._replace(array=read.view.take(self.library.xp, read.flat))
        if out == "new":
            return read, self.operand(written=True)
        return read, read if out in ("itself", "inplace") else None

    def _woven(self) -> tuple[Operand, Operand]:
        view = draw_view(self.rng, self.shape, shared=False, backwards=self.library.has("negative_strides"))
        memory = draws.numbers(self.rng, 2 * view.size, self.dtype)
        both = self.laid(memory, "plain")
        for side in (0, 1):
            flat, part = self.library.xp.reshape(both, (view.size, 2))[:, side], memory.reshape(view.size, 2)[:, side]
            self._keep(Operand(flat, view, view.take(self.library.xp, flat), part))
        return self.operands[-2], self.operands[-1]

    def key(self, *forms: str) -> tuple[int, Any]:
        """A key, and what the caller gives for it."""
        key, form = draws.word(self.rng), self.one_of("int", "numpy", *forms)
        self.say(key=key, form=form)
        if form == "generator":
            twins = [np.random.default_rng(key) for _ in range(2)]
            return int(twins[0].integers(0, 1 << 64, dtype=np.uint64)), twins[1]
        if form == "array":
            return key, self.library.key_array(key, self.one_of("int64", *["uint64"] * self.library.has("uint64_keys")))
        return key, key if form == "int" else np.uint64(key)

    def scaled(self, values: Host, gate: Host, factors: Any) -> tuple[Host, Host]:
        """What must become of values, and where the standard promises it."""
        expected, sizes = reference.scaled(values, gate, factors, self.dtype), np.abs(factors)
        # A constant slope can be subnormal in the type that computes, and be flushed.
        flushed = (sizes > 0) & (sizes < reference.LEAST_NORMAL["float64" if self.dtype == "float64" else "float32"])
        return expected, reference.promised(expected, self.dtype) & ~(flushed & (gate <= 0))

    def check(self, actual: Any, expected: Host, promised: Host, dtype: Any, to: Operand | None = None) -> None:
        """Compare a result with what it must be, and note where it was written."""
        if to is not None and actual is not to.array:
            raise WrongError("the result is another array than the out that was given")
        dtype = dtype if to is None else to.array.dtype
        if actual.dtype != dtype or tuple(actual.shape) != expected.shape:
            raise WrongError(f"the result has dtype {actual.dtype} and shape {tuple(actual.shape)}, expected {dtype} and {expected.shape}")
        host = self.host(actual)
        self.elements += expected.size
        self.bits += differing(host[promised], expected[promised])
        if to is not None:
            to.host[...] = np.where(promised, expected, host)

    def host(self, array: Any) -> Host:
        """The values of an array, in the machine's byte order."""
        host = self.library.host(array)
        return host.astype(host.dtype.newbyteorder("="))

    def finish(self) -> None:
        """See that every array holds what it should, and the memory around it too."""
        for number, operand in enumerate(self.operands):
            stray = differing(self.host(operand.flat), operand.memory if self.library.has("aliasing") else operand.host)
            if stray:
                raise WrongError(f"the memory of array {number} of the case has {stray} bits that no result put there")


def differing(actual: Host, expected: Host) -> int:
    """How many bits differ, where one NaN is as good as another."""
    if actual.dtype != expected.dtype:
        raise WrongError(f"the dtype is {actual.dtype}, expected {expected.dtype}")
    apart = np.where(np.isnan(actual) & np.isnan(expected), 0, bits_of(actual) ^ bits_of(expected))
    return int(np.bitwise_count(apart).sum())
