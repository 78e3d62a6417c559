"""Views of flat memory, as slices, permutations and broadcasts that every library takes alike."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

ROOM = 4096  # elements of memory that a view may leave out, beside three for each that it holds, up to the next number
MUCH = 1 << 20


@dataclass(frozen=True)
class View:
    """How an array of `shape` lies in flat memory of `size` elements."""

    size: int
    shift: int
    base: tuple[int, ...]
    parts: tuple[slice, ...]
    order: tuple[int, ...]
    shape: tuple[int, ...]

    def take(self, xp: Any, flat: Any) -> Any:
        """The view of an array of one axis."""
        array = xp.reshape(flat[self.shift : self.shift + prod(self.base)], self.base)
        array = xp.permute_dims(array[self.parts], self.order) if self.parts else array
        return array if tuple(array.shape) == self.shape else xp.broadcast_to(array, self.shape)


def draw_view(rng: np.random.Generator, shape: tuple[int, ...], *, shared: bool, backwards: bool) -> View:
    """A view of some layout, with or without elements that share memory, and strides that are negative."""
    order = draw_order(rng, len(shape))
    stepped, shared = rng.random() < 0.5, shared and rng.random() < 0.3
    base, parts, most = [], [], prod(shape) + min(3 * prod(shape), MUCH) + ROOM
    for axis in order:
        length = 1 if shared and rng.random() < 0.4 else shape[axis]
        whole, part = draw_part(rng, length, backwards=backwards) if stepped else (length, slice(0, length))
        if prod(base) * whole > most:
            whole, part = length, slice(0, length)
        base.append(whole)
        parts.append(part)
    shift, rest = (int(n) for n in rng.integers(0, 20, 2)) if rng.random() < 0.4 else (0, 0)
    inverse = tuple(int(axis) for axis in np.argsort(order))
    return View(shift + prod(base) + rest, shift, tuple(base), tuple(parts), inverse, shape)


def draw_order(rng: np.random.Generator, ndim: int) -> tuple[int, ...]:
    """The order of axes in memory: C, Fortran, or any."""
    turn = rng.random()
    if turn < 0.4:
        return tuple(range(ndim))
    return tuple(reversed(range(ndim))) if turn < 0.6 else tuple(int(axis) for axis in rng.permutation(ndim))


def draw_part(rng: np.random.Generator, length: int, *, backwards: bool) -> tuple[int, slice]:
    """A longer axis, and a slice of it with so many elements."""
    before, after = (int(n) for n in rng.integers(0, 4, 2))
    if length == 0:
        return before + after, slice(before, before)
    step = int(rng.choice((1, 1, 1, 2, 3, -1, -1, -2) if backwards else (1, 1, 1, 2, 3)))
    reach = (length - 1) * abs(step)
    if step > 0:
        return before + reach + 1 + after, slice(before, before + reach + 1, step)
    stop = before - 1 if before else None
    return before + reach + 1 + after, slice(before + reach, stop, step)
