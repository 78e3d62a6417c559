"""The sampling standard in the Array API's standard functions: (key, index) -> words -> slopes.

Words come from Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", doi:10.1145/2063384.2063405). All
arithmetic is in int64, the only 64-bit type that is complete in every library; `multirrelu.narrow` serves devices without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .contract import KEYS, Slopes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .contract import Array

MASK = 0xFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10


def signed(number: int) -> int:
    """Return the integer in [-2**63, 2**63) that equals `number` modulo 2**64."""
    if -KEYS // 2 <= number < KEYS // 2:  # no arithmetic, because a symbol of `torch.compile` cannot take 2**64
        return number
    return (number + KEYS // 2) % KEYS - KEYS // 2


def indices(xp: Any, shape: tuple[int, ...], slopes: Slopes, device: Any) -> Array:
    """Return the index of each element, modulo 2**64, as an int64 array of at least one axis that broadcasts to `shape`."""
    place = {} if device is None else {"device": device}
    if 0 in shape:  # the other axes may have any length
        return xp.zeros(shape, dtype=xp.int64, **place)
    # One axis more than `shape`: NumPy warns when a 0-d integer wraps around, but not an array.
    total = xp.full((1,) * (len(shape) + 1), signed(slopes.offset), dtype=xp.int64, **place)
    for axis, (length, step) in enumerate(zip(shape, slopes.steps(shape), strict=True)):
        if step and length > 1:
            steps = xp.arange(length, dtype=xp.int64, **place) * signed(step % KEYS)
            total = total + xp.reshape(steps, (1,) * (axis + 1) + (-1,) + (1,) * (len(shape) - axis - 1))
    return total[0, ...]


def words(xp: Any, key: int | Array, index: Array) -> Array:
    """Return the 32-bit word of each index, as int64 in [0, 2**32)."""
    block = index >> 2  # an arithmetic shift; masking the high half makes it an unsigned shift
    zero = xp.zeros_like(index)
    out = philox((block & MASK, (block >> 32) & (MASK >> 2), zero, zero), (key & MASK, (key >> 32) & MASK))
    lane = index & 3
    return xp.where(lane < 2, xp.where(lane == 0, out[0], out[1]), xp.where(lane == 2, out[2], out[3]))


def _multiply(multiplier: int, word: Any) -> tuple[Any, Any]:
    # The full product needs 64 unsigned bits. With the multiplier reduced by 2**32 it fits int64, and adding `word` corrects the high half.
    product = word * (multiplier - (1 << 32))
    return (product >> 32) + word, product & MASK


def philox(
    counter: Sequence[Any], key: Sequence[Any], multiply: Callable[[int, Any], tuple[Any, Any]] = _multiply
) -> tuple[Any, Any, Any, Any]:
    """Return the four 32-bit words of Philox4x32-10 for four counter words and two key words: ints, or arrays of int64."""
    c0, c1, c2, c3 = counter
    for turn in range(ROUNDS):
        k0, k1 = ((word + turn * step) & MASK for word, step in zip(key, KEY_STEPS, strict=True))
        high0, low0 = multiply(MULTIPLIERS[0], c0)
        high1, low1 = multiply(MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def draw(xp: Any, shape: tuple[int, ...], slopes: Slopes, dtype: Any, device: Any) -> Array:
    """Return the slopes of an array of `shape`, as an array that broadcasts to it, exact in `dtype` (float32 or float64)."""
    try:
        index = indices(xp, shape, slopes, device)
    except (TypeError, ValueError):
        if "int64" in xp.__array_namespace_info__().dtypes(device=device, kind="signed integer"):
            raise
        index = None
    if index is not None and index.dtype == xp.int64:
        return draw_at(xp, index, slopes, dtype, device)
    from . import narrow  # few devices need it

    return narrow.draw(xp, shape, slopes, dtype, device)


def shifted(xp: Any, index: Array, offset: int) -> Array:
    """Return indices plus an offset, modulo 2**64."""
    if not offset:
        return index
    # NumPy warns when a 0-d integer wraps around, but not an array.
    return index + signed(offset) if index.shape else (xp.reshape(index, (1,)) + signed(offset))[0, ...]


def draw_at(xp: Any, index: Array, slopes: Slopes, dtype: Any, device: Any) -> Array:
    """Return the slopes of elements at any int64 indices, which already include offset and strides."""
    points = slopes.lattice
    assert points is not None, "equal bounds are a constant slope"
    place = {} if device is None else {"device": device}
    key = slopes.key if isinstance(slopes.key, int) else xp.astype(xp.asarray(slopes.key, **place), xp.int64)
    lattice_point = points.low + ((words(xp, key, index) * points.span) >> 32)
    return xp.astype(lattice_point, dtype) * points.unit
