"""The fused kernel that Numba compiles: read values and gate, draw, multiply and write, all in registers.

Numba's vectoriser does not find the widest vectors here, and finds none where an output may alias an input. Blocks of 64 elements are
therefore written as LLVM vectors by hand. 16 Philox counters in 64-bit lanes give four words each, the 64 words become 64 integers of the
lattice, and their products with 64 values are stored. LLVM splits these vectors into vectors of the processor.

A kernel is a C function of a job, which is a packed description of the call, and a range of the job's tasks. It takes no Python object,
raises nothing, and needs no GIL. Arrays are addresses, so that one compiled kernel serves every layout, read-only memory, and the memory
of other libraries. The kernels and their inlined code are all in this file, because Numba's cache on disk checks only whether this file
has changed.
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.core.registry import cpu_target
from numba.core.types.misc import CPointer
from numba.extending import intrinsic

from multirrelu.contract import KEYS
from multirrelu.stream import KEY_STEPS, MASK, MULTIPLIERS, ROUNDS

from ._compile import Compiled, compiled
from ._layout import Axis

LINE = 64  # bytes of a cache line
SEGMENT = 65536  # elements of a row in one task
GATHERED = 8192  # elements in one task where indices come from an array
BLOCK = 64  # elements in one vector block: 16 counters of 4 words
STEPPED = 16  # elements in a short vector, for what is no whole block or has another step of the index
COLUMNS = 4  # elements at a time along an axis of consecutive indices that is not the last: one counter gives their points
TILE_A, TILE_B = 1024, 64  # elements of a tile of a transposed array, along the last axis and along that of consecutive indices

I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
F32, F64 = ir.FloatType(), ir.DoubleType()

KINDS = {"float32": (types.float32, 4), "float64": (types.float64, 8), "bfloat16": (types.int16, 2)}
"""The type that stores the elements of each dtype here, and their size."""


def converts_half(triple: str, features: str) -> bool:
    """Return whether a processor converts float16: elsewhere LLVM would call a function that may be missing.

    64-bit ARM always converts it, even where LLVM names no features, as on Apple's processors.
    """
    return triple.startswith(("aarch64", "arm64")) or any(f"+{name}" in features.split(",") for name in ("f16c", "fullfp16", "neon"))


_TRIPLE, _, _FEATURES = cpu_target.target_context.codegen().magic_tuple()
if converts_half(_TRIPLE, _FEATURES):
    KINDS["float16"] = types.uint16, 2

HEAD = struct.Struct("=3q2Q2qdQ")
"""The head of a job: the addresses of the first elements of values, gate and out; the index of the first element; the key; the lattice as
its lowest point, span and unit; and whether stores bypass the cache (`far`). Kernels read integers as signed, because Numba turns a mix of
signed and unsigned integers into floats."""
KEY, LOW, SPAN, UNIT, FAR, TILED, AXES, AXIS = 4, 5, 6, 7, 8, 9, 10, 11  # positions in a job, in words of 8 bytes
OFFSET = 8  # where indices come from an array; its address replaces the first index

_inner = numba.njit(error_model="numpy")  # not cached itself, because its code is inlined in the cached kernel


# Arithmetic on vectors. A type is a scalar type or a vector type of any length; constants are splat to it.


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
    """Return four vectors of words for the two words of a vector of counters; the upper halves of the words are not cleared.

    With both operands masked, LLVM uses the one-cycle 32 by 32 bit multiplication and drops the masks.
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
    """Return the lattice points of the four words of each counter of the block, in order, as a vector of int32."""
    lanes = counter.type.count
    mask = _constant(counter.type, MASK)
    span = b.and_(_splat(b, span, lanes), mask)
    products = [b.mul(b.and_(word, mask), span) for word in _philox(b, counter, high, key, lanes)]
    # Interleave the upper halves of the four products, counter by counter.
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
    """Return the points, in int64, of unrelated indices: one index, or a vector of `count`."""
    kind = index.type
    words = _philox(b, b.lshr(index, _constant(kind, 2)), b.lshr(index, _constant(kind, 34)), key, count)
    word = _pick(b, words, b.and_(index, _constant(kind, 3)))
    product = b.mul(b.and_(word, _constant(kind, MASK)), b.and_(_splat(b, span, count), _constant(kind, MASK)))
    return b.add(b.lshr(product, _constant(kind, 32)), _splat(b, low, count))


def _pick(b: ir.IRBuilder, choices: Sequence[ir.Value], which: ir.Value) -> ir.Value:
    """Return for each element the one of four choices whose number is given."""
    picked = choices[3]
    for number in range(3):
        picked = b.select(b.icmp_signed("==", which, _constant(which.type, number)), choices[number], picked)
    return picked


def _columns(b: ir.IRBuilder, index: ir.Value, draw: Sequence[ir.Value], shifted: bool) -> list[ir.Value]:
    """Return the points of `STEPPED` neighbours at their indices, which are `step` apart, and at each of the three indices that follow.

    Where all indices are multiples of 4, one counter a neighbour gives all of its points. Otherwise (`shifted`) the points begin at some
    word of one counter, and end in the next.
    """
    step, key, low, span = draw
    first = _stepped(b, index, step)
    counter, mask = b.lshr(first, _constant(first.type, 2)), _constant(first.type, MASK)
    halves, lowest = ir.VectorType(I32, 2 * STEPPED), _splat(b, b.trunc(low, I32), STEPPED)
    upper = ir.Constant(ir.VectorType(I32, STEPPED), list(range(1, 2 * STEPPED, 2)))
    points = []
    for turn in range(1 + shifted):
        here = b.and_(b.add(counter, _constant(counter.type, turn)), _constant(counter.type, KEYS // 4 - 1))
        for word in _philox(b, here, b.lshr(here, _constant(here.type, 32)), key, STEPPED):
            product = b.bitcast(b.mul(b.and_(word, mask), b.and_(_splat(b, span, STEPPED), mask)), halves)
            points.append(b.add(b.shuffle_vector(product, ir.Constant(halves, ir.Undefined), upper), lowest))
    if not shifted:
        return points
    begin = b.and_(b.trunc(first, upper.type), _constant(upper.type, 3))
    return [_pick(b, points[column : column + 4], begin) for column in range(COLUMNS)]


def _stepped(b: ir.IRBuilder, index: ir.Value, step: ir.Value) -> ir.Value:
    """Return `STEPPED` indices that are `step` apart."""
    lanes = ir.Constant(ir.VectorType(I64, STEPPED), list(range(STEPPED)))
    return b.add(_splat(b, index, STEPPED), b.mul(_splat(b, step, STEPPED), lanes))


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
    """Return values of the compute type in their stored type, rounded to nearest, ties to even."""
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
    """Write values times ``points * unit`` where the gate is closed; all elements are read before any is written.

    Stores that go `far` fill whole cache lines and bypass the cache, so that the lines are not read first.
    """
    values, gate, out = addresses
    _write(b, kind, _product(b, kind, values, gate, points, unit, count), out, count, far)


def _product(b: ir.IRBuilder, kind: types.Type, values: ir.Value, gate: ir.Value, points: ir.Value, unit: ir.Value, count: int) -> ir.Value:
    stored, wide = _vector(_STORED[kind][0], count), _vector(F64 if kind == types.float64 else F32, count)
    value, closed = (
        _widen(b, b.load(b.inttoptr(address, stored.as_pointer()), align=_STORED[kind][1]), kind, count) for address in (values, gate)
    )
    closed = b.fcmp_ordered("<=", closed, _constant(wide, 0.0))
    step = _splat(b, unit if kind == types.float64 else b.fptrunc(unit, F32), count)
    factor = b.select(closed, b.fmul(b.sitofp(points, wide), step), _constant(wide, 1.0))
    return _narrow(b, b.fmul(value, factor), kind, count)


def _write(b: ir.IRBuilder, kind: types.Type, result: ir.Value, out: ir.Value, count: int, far: bool = False) -> None:
    store = b.store(result, b.inttoptr(out, result.type.as_pointer()), align=LINE if far else _STORED[kind][1])
    if far:
        store.set_metadata("nontemporal", b.module.add_metadata([I32(1)]))


# The building blocks of the kernels. A job is a pointer whose type tells the stored type: the dtype itself, uint16 for float16, int16 for
# bfloat16. Addresses, indices and keys are int64.


def _scaler(count: int, points: Callable[..., ir.Value], far: bool = False) -> Any:
    """Make an intrinsic that scales `count` neighbours by the lattice points that ``points(b, *arguments)`` returns."""

    def scaler(typingctx: Any, job: Any, values: Any, gate: Any, out: Any, unit: Any, arguments: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            _, *addresses, step, packed = given
            drawn = points(b, *(b.extract_value(packed, i) for i in range(len(arguments))))
            _scale(b, job.dtype, addresses, drawn, step, count, far)
            return context.get_dummy_value()

        return types.void(job, values, gate, out, unit, arguments), generate

    return intrinsic(scaler)


def _loaded(count: int) -> Callable[..., ir.Value]:
    """Return a function that loads `count` points from memory."""
    return lambda b, address: b.load(b.inttoptr(address, _vector(I32, count).as_pointer()), align=4)


def _drawn(b: ir.IRBuilder, counter: ir.Value, high: ir.Value, key: ir.Value, low: ir.Value, span: ir.Value) -> ir.Value:
    """Return the points of a block whose counters share the high word: LLVM hoists all that depends on the high word alone."""
    return _points(b, _counters(b, counter), _splat(b, high, BLOCK // 4), key, low, span)


def _gathered(b: ir.IRBuilder, address: ir.Value, offset: ir.Value, key: ir.Value, low: ir.Value, span: ir.Value) -> ir.Value:
    """Return the points of `STEPPED` indices in memory."""
    indices = b.load(b.inttoptr(address, ir.VectorType(I64, STEPPED).as_pointer()), align=8)
    indices = b.add(indices, _splat(b, offset, STEPPED))
    return b.trunc(_any_points(b, indices, key, low, span, STEPPED), ir.VectorType(I32, STEPPED))


def _alike(b: ir.IRBuilder, point: ir.Value) -> ir.Value:
    return _splat(b, b.trunc(point, I32), BLOCK)


scale_drawn = _scaler(BLOCK, _drawn)
scale_drawn_far = _scaler(BLOCK, _drawn, far=True)
scale_alike = _scaler(BLOCK, _alike)
scale_alike_far = _scaler(BLOCK, _alike, far=True)
scale_gathered = _scaler(STEPPED, _gathered)
scale_few, scale_one = _scaler(STEPPED, _loaded(STEPPED)), _scaler(1, _loaded(1))


def _field(kind: ir.Type, returned: types.Type) -> Any:
    """Make an intrinsic that reads a word of a job."""

    def field(typingctx: Any, job: Any, at: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            return b.load(b.gep(b.bitcast(given[0], kind.as_pointer()), [given[1]]))

        return returned(job, at), generate

    return intrinsic(field)


integer, real = _field(I64, types.int64), _field(F64, types.float64)


@intrinsic  # type: ignore[untyped-decorator]
def size_of(typingctx: Any, job: Any) -> Any:
    """Return the size of an element in bytes."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        return I64(_STORED[job.dtype][1])

    return types.int64(job), generate


def _room(points: int) -> Any:
    """Make an intrinsic that returns the address of a buffer for `points` points; on the stack, allocation cannot fail."""

    def room(typingctx: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            with b.goto_entry_block():
                place = b.alloca(ir.ArrayType(I32, points))
            place.align = LINE
            return b.ptrtoint(place, I64)

        return types.int64(), generate

    return intrinsic(room)


row_room, index_room = _room(BLOCK), _room(2 * STEPPED)


@intrinsic  # type: ignore[untyped-decorator]
def fence(typingctx: Any) -> Any:
    """Complete the stores that went far before all that follows."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        b.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typingctx: Any, job: Any, address: Any) -> Any:
    """Load the lines of a block into the cache ahead of their use; any address is allowed."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        load = b.module.declare_intrinsic("llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, I32, I32, I32]))
        for line in range(0, BLOCK * _STORED[job.dtype][1], LINE):
            b.call(load, [b.inttoptr(b.add(given[1], I64(line)), pointer), I32(0), I32(3), I32(1)])  # to read, all levels, data
        return context.get_dummy_value()

    return types.void(job, address), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_points(typingctx: Any, address: Any, index: Any, key: Any, low: Any, span: Any) -> Any:
    """Write the points of a block to an address; its indices are consecutive from a multiple of 4."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        address, index, *rest = given
        counter = _counters(b, b.lshr(index, I64(2)))
        counter = b.and_(counter, _constant(counter.type, KEYS // 4 - 1))  # the first index follows the last
        points = _points(b, counter, b.lshr(counter, _constant(counter.type, 32)), *rest)
        b.store(points, b.inttoptr(address, points.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(address, index, key, low, span), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_alike(typingctx: Any, address: Any, point: Any) -> Any:
    """Write one point to all positions of a block."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        points = _alike(b, given[1])
        b.store(points, b.inttoptr(given[0], points.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(address, point), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_stepped(typingctx: Any, address: Any, index: Any, step: Any, key: Any, low: Any, span: Any) -> Any:
    """Write the points of 16 indices with any step to an address; each index needs its own counter."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        address, index, step, key, low, span = given
        points = b.trunc(_any_points(b, _stepped(b, index, step), key, low, span, STEPPED), ir.VectorType(I32, STEPPED))
        b.store(points, b.inttoptr(address, points.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(address, index, step, key, low, span), generate


def _tile_scaler(shifted: bool) -> Any:
    """Make an intrinsic that scales `STEPPED` neighbours of each of the `COLUMNS` of a tile.

    All elements are read before any is written: a read would wait for writes of which the processor compares only the low bits of the
    address, and the columns of a matrix often have the same.
    """

    def scaler(typingctx: Any, job: Any, place: Any, apart: Any, unit: Any, step: Any, key: Any, low: Any, span: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            _, place, apart, unit, *draw = given
            first, strides = ([b.extract_value(pack, i) for i in range(4)] for pack in (place, apart))
            products, outs = [], []
            for column, points in enumerate(_columns(b, first[3], draw, shifted)):
                values, gate, out = (b.add(at, b.mul(by, I64(column))) for at, by in zip(first[:3], strides[:3], strict=True))
                products.append(_product(b, job.dtype, values, gate, points, unit, STEPPED))
                outs.append(out)
            for product, out in zip(products, outs, strict=True):
                _write(b, job.dtype, product, out, STEPPED)
            return context.get_dummy_value()

        return types.void(job, place, apart, unit, step, key, low, span), generate

    return intrinsic(scaler)


scale_columns, scale_columns_shifted = _tile_scaler(shifted=False), _tile_scaler(shifted=True)


@intrinsic  # type: ignore[untyped-decorator]
def store_gathered(typingctx: Any, address: Any, place: Any, offset: Any, key: Any, low: Any, span: Any) -> Any:
    """Write the points of 16 indices in memory to an address."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        points = _gathered(b, *given[1:])
        b.store(points, b.inttoptr(given[0], points.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(address, place, offset, key, low, span), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_index(typingctx: Any, address: Any, place: Any) -> Any:
    """Copy an index to an address."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        to, place = (b.inttoptr(address, I64.as_pointer()) for address in given)
        b.store(b.load(place), to)
        return context.get_dummy_value()

    return types.void(address, place), generate


@intrinsic  # type: ignore[untyped-decorator]
def one_point(typingctx: Any, index: Any, key: Any, low: Any, span: Any) -> Any:
    """Return the point of one index."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        index, key, low, span = given
        return _any_points(b, index, key, low, span, 1)

    return types.int64(index, key, low, span), generate


# The kernel. A place is the addresses of an element of values, gate and out, and its index. Strides move a place by one along an axis.
# A draw is the key, and the lowest point and the span of the lattice.


@_inner
def _move(place, strides, steps):  # type: ignore[no-untyped-def]
    values, gate, out, index = place
    return values + steps * strides[0], gate + steps * strides[1], out + steps * strides[2], index + steps * strides[3]


@_inner
def _axis(job, axis):  # type: ignore[no-untyped-def]
    """Return the length and the strides of an axis."""
    at = AXIS + 5 * axis
    return integer(job, at), (integer(job, at + 1), integer(job, at + 2), integer(job, at + 3), integer(job, at + 4))


@_inner
def _start(job, axes, number):  # type: ignore[no-untyped-def]
    """Return the place of the element with the given C-order number along the first `axes`."""
    place = integer(job, 0), integer(job, 1), integer(job, 2), integer(job, 3)
    for axis in range(axes - 1, -1, -1):
        length, strides = _axis(job, axis)
        place = _move(place, strides, number % length)
        number //= length
    return place


@_inner
def _scale_some(job, place, strides, points, dense, count, unit):  # type: ignore[no-untyped-def]
    """Scale elements whose points are in memory: one by one, with any strides, and several at a time where they are dense."""
    several = count // STEPPED * STEPPED if dense else 0
    for at in range(0, several, STEPPED):
        values, gate, out, _ = _move(place, strides, at)
        scale_few(job, values, gate, out, unit, (points + 4 * at,))
    for at in range(several, count):
        values, gate, out, _ = _move(place, strides, at)
        scale_one(job, values, gate, out, unit, (points + 4 * at,))


@_inner
def _scale_blocks(job, far, place, strides, below, blocks, draw, unit):  # type: ignore[no-untyped-def]
    """Scale whole blocks of dense elements; their indices are consecutive within one high word of the counter, or all equal.

    The processor prefetches the next block of a row by itself, but not the row below: `below` holds the steps to it, 0 where there is none.
    Stores that go far do not read what they overwrite.
    """
    counter, high = place[3] >> 2 & MASK, place[3] >> 34 & MASK >> 2
    point = one_point(place[3], *draw)
    for block in range(blocks):
        values, gate, out, _ = _move(place, strides, block * BLOCK)
        here = counter + block * (BLOCK // 4), high, *draw
        if below[2] != 0:
            prefetch(job, values + below[0])
            if gate != values:
                prefetch(job, gate + below[1])
            if not far:
                prefetch(job, out + below[2])
        if strides[3] == 0:
            if far:
                scale_alike_far(job, values, gate, out, unit, (point,))
            else:
                scale_alike(job, values, gate, out, unit, (point,))
        elif far:
            scale_drawn_far(job, values, gate, out, unit, here)
        else:
            scale_drawn(job, values, gate, out, unit, here)


@_inner
def _row(job, far, place, strides, below, count, points, draw, unit):  # type: ignore[no-untyped-def]
    """Scale `count` elements of a row; dense elements go in blocks, from the first that starts a counter and a cache line."""
    step, size = strides[3], size_of(job)
    dense = strides[0] == size and strides[1] == size and strides[2] == size and (step == 0 or step == 1)
    if step == 0:
        store_alike(points, one_point(place[3], *draw))
    done = 0
    while done < count:
        here = _move(place, strides, done)
        shift = here[3] & 3 if step == 1 else 0
        lead, line = -shift & 3, -here[2] % LINE // size
        # Aligned stores are faster, but a short row does not gain from them; stores that go far must be aligned.
        if (far or count > 1024) and dense and (step == 0 or (line - lead) & 3 == 0):
            lead = line
        blocks = (count - done) // BLOCK if dense and lead == 0 else 0
        if step == 1:
            blocks = min(blocks, (MASK + 1 - (here[3] >> 2 & MASK)) // (BLOCK // 4))
        if blocks > 0:
            _scale_blocks(job, far and line == 0, here, strides, below, blocks, draw, unit)
            done += blocks * BLOCK
            continue
        some = min(count - done, BLOCK - shift)
        if dense and lead > 0:
            some = min(some, lead)
        if step == 1:
            store_points(points, here[3] - shift, *draw)
        elif step != 0:
            some = min(some, STEPPED)
            store_stepped(points, here[3], step, *draw)
        _scale_some(job, here, strides, points + 4 * shift, dense, some, unit)
        done += some


@_inner
def _rows(job, first, last, draw, unit, far):  # type: ignore[no-untyped-def]
    """Scale the segments [first, last) of the rows along the last axis."""
    axes = integer(job, AXES)
    count, strides = _axis(job, axes - 1)
    segments = -(-count // SEGMENT)
    points, below = row_room(), (0, 0, 0, 0)
    if axes > 1 and segments == 1:
        _, below = _axis(job, axes - 2)
    for task in range(first, last):
        skip = task % segments * SEGMENT
        start = _move(_start(job, axes - 1, task // segments), strides, skip)
        _row(job, far, start, strides, below, min(SEGMENT, count - skip), points, draw, unit)


@_inner
def _tiles(job, first, last, draw, unit, far):  # type: ignore[no-untyped-def]
    """Scale the tiles [first, last) over the last two axes: b with consecutive indices, and a, which is dense in memory or else slow."""
    axes = integer(job, AXES)
    (count_b, along_b), (count_a, along_a) = _axis(job, axes - 2), _axis(job, axes - 1)
    tiles_b, tiles_a = -(-count_b // TILE_B), -(-count_a // TILE_A)
    size, step, points = size_of(job), along_a[3], row_room()
    dense = along_a[0] == size and along_a[1] == size and along_a[2] == size
    for task in range(first, last):
        a, b = task // tiles_b % tiles_a * TILE_A, task % tiles_b * TILE_B
        start = _move(_move(_start(job, axes - 2, task // (tiles_a * tiles_b)), along_a, a), along_b, b)
        rows, columns = min(TILE_A, count_a - a), min(TILE_B, count_b - b)
        whole_rows, whole_columns = rows // STEPPED * STEPPED if dense else 0, columns // COLUMNS * COLUMNS
        shifted = (start[3] | step) & 3 != 0
        for column in range(0, whole_columns, COLUMNS):
            for row in range(0, whole_rows, STEPPED):
                here = _move(_move(start, along_b, column), along_a, row)
                if shifted:
                    scale_columns_shifted(job, here, along_b, unit, step, *draw)
                else:
                    scale_columns(job, here, along_b, unit, step, *draw)
        for column in range(whole_columns, columns):
            _row(job, far, _move(start, along_b, column), along_a, along_b, whole_rows, points, draw, unit)
        for row in range(whole_rows, rows):
            _row(job, far, _move(start, along_a, row), along_b, along_a, columns, points, draw, unit)


def scale_tasks(job, first, last):  # type: ignore[no-untyped-def]
    """Scale the tasks [first, last) of a job; Numba compiles the function for each dtype."""
    draw, unit, far = (integer(job, KEY), integer(job, LOW), integer(job, SPAN)), real(job, UNIT), integer(job, FAR) != 0
    if integer(job, TILED):
        _tiles(job, first, last, draw, unit, far)
    else:
        _rows(job, first, last, draw, unit, far)
    if far:
        fence()


@_inner
def _gathered_row(job, place, strides, count, points, indices, draw, unit):  # type: ignore[no-untyped-def]
    """Scale `count` elements with indices in memory, `STEPPED` at a time."""
    size, offset = size_of(job), integer(job, OFFSET)
    dense = strides[0] == size and strides[1] == size and strides[2] == size and strides[3] == 8
    for at in range(0, count, STEPPED):
        here = _move(place, strides, at)
        some = min(STEPPED, count - at)
        if dense and some == STEPPED:
            scale_gathered(job, here[0], here[1], here[2], unit, (here[3], offset, *draw))
        else:
            for lane in range(STEPPED):
                copy_index(indices + 8 * lane, here[3] + min(lane, some - 1) * strides[3])
            store_gathered(points, indices, offset, *draw)
            _scale_some(job, here, strides, points, dense, some, unit)


def gather_tasks(job, first, last):  # type: ignore[no-untyped-def]
    """Scale the tasks [first, last) of a job with indices from an array; Numba compiles the function for each dtype."""
    draw, unit, axes = (integer(job, KEY), integer(job, LOW), integer(job, SPAN)), real(job, UNIT), integer(job, AXES)
    count, strides = _axis(job, axes - 1)
    segments = -(-count // GATHERED)
    points, indices = row_room(), index_room()
    for task in range(first, last):
        skip = task % segments * GATHERED
        start = _move(_start(job, axes - 1, task // segments), strides, skip)
        _gathered_row(job, start, strides, min(GATHERED, count - skip), points, indices, draw, unit)


KERNELS = {"scale": scale_tasks, "scale_at": gather_tasks}


def compile_kernel(name: str, kind: str) -> Compiled:
    """Return a kernel for a dtype; it is called with a job and the range of its tasks."""
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64)
    return compiled(KERNELS[name], types.void(CPointer(KINDS[kind][0]), types.int64, types.int64), prototype)


def shape_of(axes: Sequence[Axis], tiled: bool = False, segment: int = SEGMENT) -> tuple[int, bytes]:
    """Return the number of tasks for the given axes, and the rest of a job: whether it is tiled, and the axes."""
    if tiled:  # tiles of the last two axes
        tasks = math.prod(axis[0] for axis in axes[:-2]) * -(-axes[-2][0] // TILE_B) * -(-axes[-1][0] // TILE_A)
    else:  # segments of the rows along the last axis
        tasks = math.prod(axis[0] for axis in axes[:-1]) * -(-axes[-1][0] // segment)
    return tasks, struct.pack(f"={2 + 5 * len(axes)}q", tiled, len(axes), *(number for axis in axes for number in axis))
