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

LINE = 64  # bytes of a cache line
SEGMENT = 65536  # elements of a row in one task
BLOCK = 64  # elements in one vector block: 16 counters of 4 words
STEPPED = 16  # elements whose indices have some other step than 1
LANES = 16  # neighbours in memory, of different rows of points, in one vector
TILE_A, TILE_B = 128, 60  # a tile of a transposed array: some cache lines, by what a block holds at any index modulo 4
TILE_ROW = 68  # a buffer's row: 64 words, shifted by up to 3 and padded

I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
F32, F64 = ir.FloatType(), ir.DoubleType()

KINDS = {"float32": (np.float32(0), 4), "float64": (np.float64(0), 8), "bfloat16": (np.int16(0), 2)}
"""A scalar whose type tells the kernels how an element is stored, and its size."""
if "+f16c" in (features := cpu_target.target_context.codegen().magic_tuple()[2]) or "+fullfp16" in features or "+neon" in features:
    KINDS["float16"] = np.uint16(0), 2  # elsewhere LLVM would call a function that need not be there

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
            _splat(b, b.and_(b.add(word, I64(turn * step & MASK)), I64(MASK)), count) for word, step in zip(keys, KEY_STEPS, strict=True)
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


def _scale(
    b: ir.IRBuilder, kind: types.Type, addresses: list[ir.Value], points: ir.Value, unit: ir.Value, count: int, far: bool = False
) -> None:
    """Write values times ``points * unit`` where the gate is closed: all are read before any is written.

    What goes `far`, to a whole number of cache lines, goes to memory without the lines being read first.
    """
    scalar, size = _STORED[kind]
    stored, wide = _vector(scalar, count), _vector(F64 if kind == types.float64 else F32, count)
    values, gate, out = (b.inttoptr(address, stored.as_pointer()) for address in addresses)
    value, closed = (_widen(b, b.load(pointer, align=size), kind, count) for pointer in (values, gate))
    closed = b.fcmp_ordered("<=", closed, _constant(wide, 0.0))
    step = _splat(b, unit if kind == types.float64 else b.fptrunc(unit, F32), count)
    factor = b.select(closed, b.fmul(b.sitofp(points, wide), step), _constant(wide, 1.0))
    store = b.store(_narrow(b, b.fmul(value, factor), kind, count), out, align=LINE if far else size)
    if far:
        store.set_metadata("nontemporal", b.module.add_metadata([I32(1)]))


# The building blocks of the kernels. `kind` is a scalar whose type says what is stored: itself, or uint16 for float16 and int16 for
# bfloat16. Addresses, indices and keys are int64: Numba would make a float of an int64 and a uint64.


def _scaler(count: int, points: Callable[..., ir.Value], far: bool = False) -> Any:
    """Make the intrinsic that scales `count` neighbours by the lattice points that ``points(b, *arguments)`` returns."""

    def scale(typingctx: Any, kind: Any, values: Any, gate: Any, out: Any, unit: Any, arguments: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            _, *addresses, step, packed = given
            drawn = points(b, *(b.extract_value(packed, i) for i in range(len(arguments))))
            _scale(b, signature.args[0], addresses, drawn, step, count, far)
            return context.get_dummy_value()

        return types.void(kind, values, gate, out, unit, arguments), generate

    return intrinsic(scale)


def _column(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """Return one point from each of some rows of a tile's points."""
    first = b.inttoptr(address, I32.as_pointer())
    points = ir.Constant(ir.VectorType(I32, LANES), ir.Undefined)
    for row in range(LANES):
        points = b.insert_element(points, b.load(b.gep(first, [I64(row * TILE_ROW)])), I32(row))
    return points


def _drawn(b: ir.IRBuilder, counter: ir.Value, high: ir.Value, key: ir.Value, low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a block's points where its counters share their high word: what depends on that alone then leaves the loop."""
    return _points(b, _counters(b, counter), _splat(b, high, BLOCK // 4), key, low, span)


def _alike(b: ir.IRBuilder, point: ir.Value) -> ir.Value:
    return _splat(b, b.trunc(point, I32), BLOCK)


scale_drawn = _scaler(BLOCK, _drawn)
scale_drawn_far = _scaler(BLOCK, _drawn, far=True)
scale_alike = _scaler(BLOCK, _alike)
scale_alike_far = _scaler(BLOCK, _alike, far=True)
scale_column = _scaler(LANES, _column)
scale_one = _scaler(1, lambda b, point: b.trunc(point, I32))


@intrinsic  # type: ignore[untyped-decorator]
def fence(typingctx: Any) -> Any:
    """Let what went far arrive before anything that follows."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        b.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


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
        index, key, low, span = given
        return _any_points(b, index, key, low, span, 1)

    return types.int64(index, key, low, span), generate


# The kernels. A place is the addresses of an element of values, gate and out, and its index; strides are how a place moves along an axis;
# a draw is the key, and the lowest point and the span of the lattice.


@_inner
def _move(place, strides, steps):  # type: ignore[no-untyped-def]
    values, gate, out, index = place
    return values + steps * strides[0], gate + steps * strides[1], out + steps * strides[2], index + steps * strides[3]


@_inner
def _scale_some(kind, place, strides, points, count, unit):  # type: ignore[no-untyped-def]
    """Scale elements one by one, wherever they lie."""
    for at in range(count):
        values, gate, out, _ = _move(place, strides, at)
        scale_one(kind, values, gate, out, unit, (types.int64(points[at]),))


@_inner
def _scale_blocks(kind, far, place, strides, blocks, draw, unit):  # type: ignore[no-untyped-def]
    """Scale whole blocks of dense elements, whose indices count on within one high word of the counter, or are one."""
    counter, high = place[3] >> 2 & MASK, place[3] >> 34 & MASK >> 2
    point = one_point(place[3], *draw)
    for block in range(blocks):
        values, gate, out, _ = _move(place, strides, block * BLOCK)
        here = counter + block * (BLOCK // 4), high, *draw
        if strides[3] == 0:
            if far:
                scale_alike_far(kind, values, gate, out, unit, (point,))
            else:
                scale_alike(kind, values, gate, out, unit, (point,))
        elif far:
            scale_drawn_far(kind, values, gate, out, unit, here)
        else:
            scale_drawn(kind, values, gate, out, unit, here)


@_inner
def _row(kind, size, far, place, strides, count, points, draw, unit):  # type: ignore[no-untyped-def]
    """Scale `count` elements of a row: in blocks as far as they lie densely, from the first where a counter and a line begin."""
    step = strides[3]
    dense = strides[0] == size and strides[1] == size and strides[2] == size and (step == 0 or step == 1)
    if step == 0:
        points[:] = one_point(place[3], *draw)
    done = 0
    while done < count:
        here = _move(place, strides, done)
        shift = here[3] & 3 if step == 1 else 0
        lead, line = -shift & 3, -here[2] % LINE // size
        # Aligned stores are faster, which a short row does not earn back; what goes far cannot do without.
        if (far or count > 1024) and dense and (step == 0 or (line - lead) & 3 == 0):
            lead = line
        blocks = (count - done) // BLOCK if dense and lead == 0 else 0
        if step == 1:
            blocks = min(blocks, (MASK + 1 - (here[3] >> 2 & MASK)) // (BLOCK // 4))
        if blocks > 0:
            _scale_blocks(kind, far and line == 0, here, strides, blocks, draw, unit)
            done += blocks * BLOCK
            continue
        some = min(count - done, BLOCK - shift)
        if dense and lead > 0:
            some = min(some, lead)
        if step == 1:
            store_points(points.ctypes.data, here[3] - shift, *draw)
        elif step != 0:
            some = min(some, STEPPED)
            store_stepped(points.ctypes.data, here[3], step, *draw)
        _scale_some(kind, here, strides, points[shift:], some, unit)
        done += some


@_inner
def _start(place, axes, number):  # type: ignore[no-untyped-def]
    """Return the place of the element with this C-order number along `axes`."""
    for axis in range(axes.shape[0] - 1, -1, -1):
        length, values, gate, out, index = axes[axis]
        place = _move(place, (values, gate, out, index), number % length)
        number //= length
    return place


def row_tasks(axes: Sequence[Axis]) -> int:
    """Return how many tasks `scale_rows` has: segments of the rows along the last axis."""
    return math.prod(axis[0] for axis in axes[:-1]) * -(-axes[-1][0] // SEGMENT)


def tile_tasks(axes: Sequence[Axis]) -> int:
    """Return how many tasks `scale_tiles` has: tiles of the last two axes."""
    return math.prod(axis[0] for axis in axes[:-2]) * -(-axes[-2][0] // TILE_B) * -(-axes[-1][0] // TILE_A)


@_jit
def scale_rows(kind, size, place, axes, far, first, last, draw, unit):  # type: ignore[no-untyped-def]
    """Scale the segments [first, last) of the rows along the last of `axes`."""
    count, values, gate, out, index = axes[-1]
    strides = values, gate, out, index
    segments = -(-count // SEGMENT)
    points = np.empty(BLOCK, np.int32)
    for task in range(first, last):
        skip = task % segments * SEGMENT
        start = _move(_start(place, axes[:-1], task // segments), strides, skip)
        _row(kind, size, far, start, strides, min(SEGMENT, count - skip), points, draw, unit)
    if far:
        fence()


@_jit
def scale_tiles(kind, size, place, axes, first, last, draw, unit):  # type: ignore[no-untyped-def]
    """Scale the tiles [first, last) over the last two of `axes`: b, along which the index counts on, and a, dense in memory."""
    count_b, values_b, gate_b, out_b, index_b = axes[-2]
    count_a, values_a, gate_a, out_a, index_a = axes[-1]
    along_b, along_a = (values_b, gate_b, out_b, index_b), (values_a, gate_a, out_a, index_a)
    tiles_b, tiles_a = -(-count_b // TILE_B), -(-count_a // TILE_A)
    dense = values_a == size and gate_a == size and out_a == size
    points = np.empty((TILE_A, TILE_ROW), np.int32)
    for task in range(first, last):
        a, b = task // tiles_b % tiles_a * TILE_A, task % tiles_b * TILE_B
        start = _move(_move(_start(place, axes[:-2], task // (tiles_a * tiles_b)), along_a, a), along_b, b)
        rows, columns = min(TILE_A, count_a - a), min(TILE_B, count_b - b)
        for row in range(rows):
            index = start[3] + row * index_a
            # A block begins at a multiple of 4; the points are moved so that every row's first is at 3.
            store_points(points[row].ctypes.data + 4 * (3 - (index & 3)), index - (index & 3), *draw)
        for column in range(columns):
            here = _move(start, along_b, column)
            done = rows // LANES * LANES if dense else 0
            for row in range(0, done, LANES):
                values, gate, out, _ = _move(here, along_a, row)
                scale_column(kind, values, gate, out, unit, (points[row:].ctypes.data + 4 * (3 + column),))
            _scale_some(kind, _move(here, along_a, done), along_a, points[done:, 3 + column], rows - done, unit)
