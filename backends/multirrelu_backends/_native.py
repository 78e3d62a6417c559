"""The fused kernel, as Numba compiles it: read values and gate, draw, write, in registers and with the GIL released.

Numba's vectoriser finds neither the widest vectors here nor any where an output may alias an input, so blocks of 64 elements are
written as LLVM vectors by hand: 16 counters of Philox in 64-bit lanes, whose four words a counter become 64 integers of the lattice,
whose products with 64 values are stored. LLVM splits these vectors into what the processor has. Arrays come as addresses: one
compiled kernel then serves every layout, read-only memory, and other libraries' memory.

The kernels and the code they inline stay in this one file, because Numba's cache on disk asks only whether this file has changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from multirrelu.contract import KEYS
from multirrelu.stream import KEY_STEPS, MASK, MULTIPLIERS, ROUNDS

from ._layout import Axis

SEGMENT = 16384  # elements of a row in one task
BLOCK = 64  # elements in one vector block: 16 counters of 4 words
STEPPED = 16  # elements whose indices have some other step than 1
TILE_A, TILE_B = 16, 60  # a tile of a transposed array: a cache line of float32, by what a block holds at any index modulo 4
TILE_ROW = 68  # a buffer's row: 64 words, shifted by up to 3 and padded

I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
F32, F64 = ir.FloatType(), ir.DoubleType()

KINDS = {"float32": (4, np.float32(0)), "float64": (8, np.float64(0)), "bfloat16": (2, np.int16(0))}
"""The size of an element, and a scalar whose type tells the kernels how it is stored."""
if "+f16c" in (features := cpu_target.target_context.codegen().magic_tuple()[2]) or "+fullfp16" in features or "+neon" in features:
    KINDS["float16"] = 2, np.uint16(0)  # elsewhere LLVM would call a function that need not be there

F = TypeVar("F", bound=Callable[..., Any])


def _jit(function: F) -> F:
    """Compile at the first call and keep the result on disk, where any of Numba's places for it can be written to."""
    try:
        compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # "no locator available": a read-only installation and no writeable home
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled


_inner = numba.njit(nogil=True, error_model="numpy")  # its code is in the kernels that are cached


# How arithmetic on vectors is written. A type is a scalar's, or a vector's of any length; constants are splat to it.


def _vector(scalar: ir.Type, count: int) -> ir.Type:
    return ir.VectorType(scalar, count) if count > 1 else scalar


def _constant(kind: ir.Type, value: float) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


def _splat(b: ir.IRBuilder, scalar: ir.Value, count: int) -> ir.Value:
    if count == 1:
        return scalar
    kind = ir.VectorType(scalar.type, count)
    single = b.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(I32, 0))
    return b.shuffle_vector(single, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(I32, count), [0] * count))


def _philox(b: ir.IRBuilder, counter: ir.Value, high: ir.Value, key: ir.Value, count: int) -> list[ir.Value]:
    """Return four vectors of words for the two words of a vector of counters; their upper halves do not count and are not cleared.

    A masked operand on both sides is what makes LLVM use the one-cycle 32 by 32 bit multiplication, and the mask free.
    """
    kind = counter.type
    mask, half = _constant(kind, MASK), _constant(kind, 32)
    c0, c1, c2, c3 = counter, high, _constant(kind, 0), _constant(kind, 0)
    keys = b.and_(key, I64(MASK)), b.lshr(key, I64(32))
    for turn in range(ROUNDS):
        k0, k1 = (
            _splat(b, b.and_(b.add(word, I64(turn * step & MASK)), I64(MASK)), count)
            for word, step in zip(keys, KEY_STEPS, strict=True)
        )
        p0 = b.mul(b.and_(c0, mask), _constant(kind, MULTIPLIERS[0]))
        p1 = b.mul(b.and_(c2, mask), _constant(kind, MULTIPLIERS[1]))
        c0, c1, c2, c3 = b.xor(b.xor(b.lshr(p1, half), c1), k0), p1, b.xor(b.xor(b.lshr(p0, half), c3), k1), p0
    return [c0, c1, c2, c3]


def _points(b: ir.IRBuilder, counter: ir.Value, high: ir.Value, key: ir.Value, low: ir.Value, span: ir.Value) -> ir.Value:
    """Return the lattice points of the four words of each of the block's counters, in order, as a vector of int32."""
    lanes = counter.type.count
    mask = _constant(counter.type, MASK)
    span = b.and_(_splat(b, span, lanes), mask)
    products = [b.mul(b.and_(word, mask), span) for word in _philox(b, counter, high, key, lanes)]
    # The upper halves of the four products, one counter after the other.
    halves = ir.VectorType(I32, 2 * lanes)
    upper = ir.Constant(halves, [at for lane in range(lanes) for at in (2 * lane + 1, 2 * lanes + 2 * lane + 1)])
    pairs = [
        b.bitcast(b.shuffle_vector(b.bitcast(one, halves), b.bitcast(other, halves), upper), counter.type)
        for one, other in (products[:2], products[2:])
    ]
    in_turn = ir.Constant(halves, [at for lane in range(lanes) for at in (lane, lanes + lane)])
    points = b.bitcast(b.shuffle_vector(*pairs, in_turn), ir.VectorType(I32, BLOCK))
    return b.add(points, _splat(b, b.trunc(low, I32), BLOCK))


def _any_points(b: ir.IRBuilder, index: ir.Value, key: ir.Value, low: ir.Value, span: ir.Value, count: int) -> ir.Value:
    """Return the points, in int64, of indices that have nothing to do with one another: one, or a vector of `count`."""
    kind = index.type
    words = _philox(b, b.lshr(index, _constant(kind, 2)), b.lshr(index, _constant(kind, 34)), key, count)
    lane = b.and_(index, _constant(kind, 3))
    word = words[3]
    for other in range(3):
        word = b.select(b.icmp_signed("==", lane, _constant(kind, other)), words[other], word)
    product = b.mul(b.and_(word, _constant(kind, MASK)), b.and_(_splat(b, span, count), _constant(kind, MASK)))
    return b.add(b.lshr(product, _constant(kind, 32)), _splat(b, low, count))


def _counters(b: ir.IRBuilder, first: ir.Value) -> ir.Value:
    lanes = BLOCK // 4
    return b.add(_splat(b, first, lanes), ir.Constant(ir.VectorType(I64, lanes), list(range(lanes))))


def _widen(b: ir.IRBuilder, raw: ir.Value, kind: types.Type, count: int) -> ir.Value:
    """Return stored values in their compute type."""
    if kind == types.uint16:
        return b.fpext(b.bitcast(raw, _vector(ir.HalfType(), count)), _vector(F32, count))
    if kind == types.int16:
        word = _vector(I32, count)
        return b.bitcast(b.shl(b.zext(raw, word), _constant(word, 16)), _vector(F32, count))
    return raw


def _narrow(b: ir.IRBuilder, value: ir.Value, kind: types.Type, count: int) -> ir.Value:
    """Return values of the compute type as they are stored, rounded to the nearest, ties to even."""
    if kind == types.uint16:
        return b.bitcast(b.fptrunc(value, _vector(ir.HalfType(), count)), _vector(I16, count))
    if kind == types.int16:
        word = _vector(I32, count)
        bits, sixteen = b.bitcast(value, word), _constant(word, 16)
        odd = b.and_(b.lshr(bits, sixteen), _constant(word, 1))
        rounded = b.add(bits, b.add(odd, _constant(word, 0x7FFF)))
        quiet = b.or_(bits, _constant(word, 0x400000))  # rounding could carry a NaN into an infinity
        number = b.fcmp_ordered("ord", value, value)
        return b.trunc(b.lshr(b.select(number, rounded, quiet), sixteen), _vector(I16, count))
    return value


_STORED = {types.float32: (F32, 4), types.float64: (F64, 8), types.uint16: (I16, 2), types.int16: (I16, 2)}


def _scale(b: ir.IRBuilder, kind: types.Type, addresses: list[ir.Value], points: ir.Value, unit: ir.Value, count: int) -> None:
    """Write values times ``points * unit`` where the gate is closed: all are read before any is written."""
    scalar, size = _STORED[kind]
    stored, wide = _vector(scalar, count), _vector(F64 if kind == types.float64 else F32, count)
    values, gate, out = (b.inttoptr(address, stored.as_pointer()) for address in addresses)
    value, closed = (_widen(b, b.load(pointer, align=size), kind, count) for pointer in (values, gate))
    closed = b.fcmp_ordered("<=", closed, _constant(wide, 0.0))
    step = _splat(b, unit if kind == types.float64 else b.fptrunc(unit, F32), count)
    factor = b.select(closed, b.fmul(b.sitofp(points, wide), step), _constant(wide, 1.0))
    b.store(_narrow(b, b.fmul(value, factor), kind, count), out, align=size)


# The building blocks of the kernels. `kind` is a scalar whose type says what is stored: itself, or uint16 for float16 and int16 for
# bfloat16. Addresses, indices and keys are int64: Numba would make a float of an int64 and a uint64.


def _scaler(count: int, points: Callable[..., ir.Value]) -> Any:
    """Make the intrinsic that scales `count` neighbours by the lattice points that ``points(b, *arguments)`` returns."""

    def scale(typingctx: Any, kind: Any, values: Any, gate: Any, out: Any, unit: Any, arguments: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            _, *addresses, step, packed = given
            _scale(b, signature.args[0], addresses, points(b, *(b.extract_value(packed, i) for i in range(len(arguments)))), step, count)
            return context.get_dummy_value()

        return types.void(kind, values, gate, out, unit, arguments), generate

    return intrinsic(scale)


def _column(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """Return one point from each row of a tile's buffer."""
    first = b.inttoptr(address, I32.as_pointer())
    points = ir.Constant(ir.VectorType(I32, TILE_A), ir.Undefined)
    for row in range(TILE_A):
        points = b.insert_element(points, b.load(b.gep(first, [I64(row * TILE_ROW)])), I32(row))
    return points


def _drawn(b: ir.IRBuilder, counter: ir.Value, high: ir.Value, key: ir.Value, low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a block's points where its counters share their high word: what depends on that alone then leaves the loop."""
    return _points(b, _counters(b, counter), _splat(b, high, BLOCK // 4), key, low, span)


scale_drawn = _scaler(BLOCK, _drawn)
scale_alike = _scaler(BLOCK, lambda b, point: _splat(b, b.trunc(point, I32), BLOCK))
scale_column = _scaler(TILE_A, _column)
scale_one = _scaler(1, lambda b, point: b.trunc(point, I32))


@intrinsic  # type: ignore[untyped-decorator]
def store_points(typingctx: Any, address: Any, index: Any, key: Any, low: Any, span: Any) -> Any:
    """Write the points of a block's consecutive indices, the first a multiple of 4, to an address."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        address, index, *rest = given
        counter = _counters(b, b.lshr(index, I64(2)))
        counter = b.and_(counter, _constant(counter.type, KEYS // 4 - 1))  # past the last index comes the first
        points = _points(b, counter, b.lshr(counter, _constant(counter.type, 32)), *rest)
        b.store(points, b.inttoptr(address, points.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(address, index, key, low, span), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_stepped(typingctx: Any, address: Any, index: Any, step: Any, key: Any, low: Any, span: Any) -> Any:
    """Write the points of 16 indices with any step between them to an address: each needs a counter of its own."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        address, index, step, key, low, span = given
        lanes = ir.Constant(ir.VectorType(I64, STEPPED), list(range(STEPPED)))
        indices = b.add(_splat(b, index, STEPPED), b.mul(_splat(b, step, STEPPED), lanes))
        points = b.trunc(_any_points(b, indices, key, low, span, STEPPED), ir.VectorType(I32, STEPPED))
        b.store(points, b.inttoptr(address, points.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(address, index, step, key, low, span), generate


@intrinsic  # type: ignore[untyped-decorator]
def one_point(typingctx: Any, index: Any, key: Any, low: Any, span: Any) -> Any:
    """Return the point of one index."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        return _any_points(b, *given, 1)

    return types.int64(index, key, low, span), generate


@_inner
def _row(kind, size, place, strides, count, buffer, key, low, span, unit):  # type: ignore[no-untyped-def]
    """Scale `count` elements from `place` on: three addresses and an index, which move by `strides`."""
    values, gate, out, index = place
    dv, dg, do, di = strides
    dense = dv == size and dg == size and do == size
    if di == 0:
        point = one_point(index, key, low, span)
        done = count // BLOCK * BLOCK if dense else 0
        for at in range(0, done, BLOCK):
            scale_alike(kind, values + at * size, gate + at * size, out + at * size, unit, (point,))
        for at in range(done, count):
            scale_one(kind, values + at * dv, gate + at * dg, out + at * do, unit, (point,))
        return
    done = 0
    while done < count:
        here = index + done * di
        shift = here & 3 if di == 1 else 0
        counter, high = here >> 2 & MASK, here >> 34 & MASK >> 2
        blocks = min((count - done) // BLOCK, (MASK + 1 - counter) // (BLOCK // 4))
        if dense and di == 1 and shift == 0 and blocks > 0:
            for block in range(blocks):
                at = (done + block * BLOCK) * size
                drawn = counter + block * (BLOCK // 4), high, key, low, span
                scale_drawn(kind, values + at, gate + at, out + at, unit, drawn)
            done += blocks * BLOCK
        else:
            if di == 1:
                store_points(buffer.ctypes.data, here - shift, key, low, span)
                some = min(count - done, BLOCK - shift)
            else:
                store_stepped(buffer.ctypes.data, here, di, key, low, span)
                some = min(count - done, STEPPED)
            for at in range(some):
                v, g, o = values + (done + at) * dv, gate + (done + at) * dg, out + (done + at) * do
                scale_one(kind, v, g, o, unit, (types.int64(buffer[shift + at]),))
            done += some


@_inner
def _start(place, axes, number):  # type: ignore[no-untyped-def]
    """Return the place of the element with this C-order number along `axes`: rows of a length and four strides."""
    values, gate, out, index = place
    for axis in range(axes.shape[0] - 1, -1, -1):
        at = number % axes[axis, 0]
        number //= axes[axis, 0]
        values += at * axes[axis, 1]
        gate += at * axes[axis, 2]
        out += at * axes[axis, 3]
        index += at * axes[axis, 4]
    return values, gate, out, index


def row_tasks(axes: Sequence[Axis]) -> int:
    """Return how many tasks `scale_rows` has: segments of the rows along the last axis."""
    return math.prod(axis[0] for axis in axes[:-1]) * -(-axes[-1][0] // SEGMENT)


def tile_tasks(axes: Sequence[Axis]) -> int:
    """Return how many tasks `scale_tiles` has: tiles of the last two axes."""
    return math.prod(axis[0] for axis in axes[:-2]) * -(-axes[-2][0] // TILE_B) * -(-axes[-1][0] // TILE_A)


@_jit
def scale_rows(kind, size, place, axes, first, last, key, low, span, unit):  # type: ignore[no-untyped-def]
    """Scale the segments [first, last) of the rows along the last of `axes`."""
    count = axes[-1, 0]
    segments = -(-count // SEGMENT)
    strides = axes[-1, 1], axes[-1, 2], axes[-1, 3], axes[-1, 4]
    buffer = np.empty(BLOCK, np.int32)
    for task in range(first, last):
        values, gate, out, index = _start(place, axes[:-1], task // segments)
        skip = task % segments * SEGMENT
        start = values + skip * strides[0], gate + skip * strides[1], out + skip * strides[2], index + skip * strides[3]
        _row(kind, size, start, strides, min(SEGMENT, count - skip), buffer, key, low, span, unit)


@_jit
def scale_tiles(kind, size, place, axes, first, last, key, low, span, unit):  # type: ignore[no-untyped-def]
    """Scale the tiles [first, last) over the last two of `axes`: b, along which the index counts on, and a, dense in memory."""
    count_b, count_a = axes[-2, 0], axes[-1, 0]
    tiles_b, tiles_a = -(-count_b // TILE_B), -(-count_a // TILE_A)
    vb, gb, ob, va, ga, oa = axes[-2, 1], axes[-2, 2], axes[-2, 3], axes[-1, 1], axes[-1, 2], axes[-1, 3]
    dense = va == size and ga == size and oa == size
    buffer = np.empty((TILE_A, TILE_ROW), np.int32)
    for task in range(first, last):
        values, gate, out, index = _start(place, axes[:-2], task // (tiles_a * tiles_b))
        a, b = task // tiles_b % tiles_a * TILE_A, task % tiles_b * TILE_B
        values += a * va + b * vb
        gate += a * ga + b * gb
        out += a * oa + b * ob
        index += a * axes[-1, 4] + b
        rows, columns = min(TILE_A, count_a - a), min(TILE_B, count_b - b)
        for row in range(rows):
            at = index + row * axes[-1, 4]
            # The points land so that every row's first is at 3.
            store_points(buffer[row].ctypes.data + 4 * (3 - (at & 3)), at >> 2 << 2, key, low, span)
        for column in range(columns):
            v, g, o = values + column * vb, gate + column * gb, out + column * ob
            if dense and rows == TILE_A:
                scale_column(kind, v, g, o, unit, (buffer.ctypes.data + 4 * (3 + column),))
            else:
                for row in range(rows):
                    scale_one(kind, v + row * va, g + row * ga, o + row * oa, unit, (types.int64(buffer[row, 3 + column]),))
