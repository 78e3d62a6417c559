"""The fused kernels that Triton compiles: read values and gate, draw, multiply and write, all in registers."""

from __future__ import annotations

import triton
import triton.language as tl

from multirrelu.stream import KEY_STEPS, MULTIPLIERS, ROUNDS

_M0, _M1 = (tl.constexpr(number) for number in MULTIPLIERS)
_K0, _K1 = (tl.constexpr(number) for number in KEY_STEPS)
_ROUNDS = tl.constexpr(ROUNDS)
_SCALARS = ["key", "low", "span", "factor", "first"]  # no special values compile a kernel of their own


@triton.jit
def _philox(counter, key):
    """Return the four words of Philox4x32-10 for each 64-bit counter, with 64-bit products, which are one instruction each."""
    c0, c1 = counter.to(tl.uint32), (counter >> 32).to(tl.uint32)
    k0, k1 = key.to(tl.uint32), (key >> 32).to(tl.uint32)
    c2 = c0 ^ c0
    c3 = c2
    for _ in tl.static_range(_ROUNDS):
        p0 = c0.to(tl.uint64) * _M0
        p1 = c2.to(tl.uint64) * _M1
        c0 = (p1 >> 32).to(tl.uint32) ^ c1 ^ k0
        c2 = (p0 >> 32).to(tl.uint32) ^ c3 ^ k1
        c1 = p1.to(tl.uint32)
        c3 = p0.to(tl.uint32)
        k0 = k0 + _K0
        k1 = k1 + _K1
    return c0, c1, c2, c3


@triton.jit
def _key(key, row, KEYS: tl.constexpr):
    if KEYS == 0:
        number = tl.cast(key, tl.int64)
    elif KEYS == 1:
        number = tl.load(key)
    else:
        number = tl.load(key + row)
    return number.to(tl.uint64)


@triton.jit
def _slope(word, low, span, factor, wide):
    """Return the slope on the lattice for each word, exact in float32 and float64."""
    point = (word.to(tl.uint64) * tl.cast(span, tl.uint64) >> 32).to(tl.int32) + tl.cast(low, tl.int32)
    return point.to(wide) * tl.cast(tl.cast(factor, tl.int64), tl.float64, bitcast=True).to(wide)


@triton.jit
def _write(values, gate, out, slope, mask, SAME: tl.constexpr, wide):
    """Read, multiply in the compute type, round once and write; elements that are not scaled keep their bits."""
    value = tl.load(values, mask=mask)
    opening = value if SAME else tl.load(gate, mask=mask)
    product = (value.to(wide) * slope).to(value.dtype)
    tl.store(out, tl.where(opening.to(wide) <= 0, product, value), mask=mask)


@triton.jit(do_not_specialize=_SCALARS)
def scale_consecutive(
    values,
    gate,
    out,
    key,
    low,
    span,
    factor,
    first,  # the counter of the first element, which uses its word number `skip`
    skip,
    length,
    blocks,  # the number of programs for a row
    values_step,  # the step from one row to the next
    gate_step,
    out_step,
    counter_step,
    DRAWN: tl.constexpr,
    KEYS: tl.constexpr,
    SAME: tl.constexpr,
    COUNTERS: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Scale rows of consecutive elements with consecutive indices."""
    wide: tl.constexpr = tl.float64 if out.dtype.element_ty == tl.float64 else tl.float32
    row = (tl.program_id(0) // blocks).to(tl.int64)
    block = tl.program_id(0) % blocks
    if WIDE:
        block = block.to(tl.int64)
    if DRAWN:
        counter = tl.cast(first, tl.int64) + row * counter_step + block.to(tl.int64) * COUNTERS + tl.arange(0, COUNTERS)
        w0, w1, w2, w3 = _philox(counter.to(tl.uint64) & 0x3FFFFFFFFFFFFFFF, _key(key, row, KEYS))
        word = tl.reshape(tl.join(tl.join(w0, w2), tl.join(w1, w3)), [4 * COUNTERS])
        slope = _slope(word, low, span, factor, wide)
    else:
        slope = tl.cast(tl.cast(factor, tl.int64), tl.float64, bitcast=True).to(wide)
    start = block * (4 * COUNTERS) - skip
    place = start + tl.arange(0, 4 * COUNTERS)
    values += row * values_step
    gate += row * gate_step
    out += row * out_step
    if (start >= 0) & (start + 4 * COUNTERS <= length):  # no mask, which would prevent wide loads and stores
        _write(values + place, gate + place, out + place, slope, None, SAME, wide)
    else:
        _write(values + place, gate + place, out + place, slope, (place >= 0) & (place < length), SAME, wide)


@triton.jit(do_not_specialize=list(range(3, 34)))
def scale_anywhere(
    values,
    gate,
    out,
    key,
    low,
    span,
    factor,
    index,  # the index of the first element
    elements,  # the number of elements in a row
    blocks,  # the number of programs for a row
    values_step,  # the step from one row to the next
    gate_step,
    out_step,
    index_step,
    # Each axis of a row, the last first: its length, and its steps in values, gate, out and index. These are no tuples, because Triton
    # would compile a new kernel for every number in a tuple that is one or divisible by 16.
    n0,
    v0,
    g0,
    o0,
    i0,
    n1,
    v1,
    g1,
    o1,
    i1,
    n2,
    v2,
    g2,
    o2,
    i2,
    n3,
    v3,
    g3,
    o3,
    i3,
    AXES: tl.constexpr,  # the number of axes in use
    DRAWN: tl.constexpr,
    KEYS: tl.constexpr,
    SAME: tl.constexpr,
    COUNTERS: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Scale elements with any strides in memory and in the index."""
    wide: tl.constexpr = tl.float64 if out.dtype.element_ty == tl.float64 else tl.float32
    small: tl.constexpr = tl.uint64 if WIDE else tl.uint32
    row = (tl.program_id(0) // blocks).to(tl.int64)
    rest = (tl.program_id(0) % blocks).to(small) * (4 * COUNTERS) + tl.arange(0, 4 * COUNTERS).to(small)
    mask = rest < tl.cast(elements, small)
    v, g, o = row * values_step, row * gate_step, row * out_step
    i = tl.cast(index, tl.int64) + row * index_step
    axes = (n0, v0, g0, o0, i0), (n1, v1, g1, o1, i1), (n2, v2, g2, o2, i2), (n3, v3, g3, o3, i3)
    for axis in tl.static_range(AXES):
        length, v_step, g_step, o_step, i_step = axes[axis]
        at = (rest % tl.cast(length, small)).to(tl.int64)
        rest = rest // tl.cast(length, small)
        v += at * v_step
        g += at * g_step
        o += at * o_step
        i += at * i_step
    if DRAWN:
        w0, w1, w2, w3 = _philox(i.to(tl.uint64) >> 2, _key(key, row, KEYS))
        lane = i & 3
        word = tl.where(lane < 2, tl.where(lane == 0, w0, w1), tl.where(lane == 2, w2, w3))
        slope = _slope(word, low, span, factor, wide)
    else:
        slope = tl.cast(tl.cast(factor, tl.int64), tl.float64, bitcast=True).to(wide)
    _write(values + v, gate + g, out + o, slope, mask, SAME, wide)
