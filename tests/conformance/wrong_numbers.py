"""More wrong backends for NumPy, each with the tests that reject it: where slopes come from, what is multiplied, where results go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.mutant import Mutant
from conformance.seams import backend, index_of, product_of, write
from multirrelu import stream

# Indices and words


def counted_over_the_scaled(slopes, values):
    return np.cumsum(values.ravel() <= 0).reshape(values.shape) - 1


def stops_at_32_bits(slopes, values):
    index = index_of(slopes, values)
    return np.where(index < 0, index, np.minimum(index, 2**32 - 1))


def first_block_without_key(xp, key, index):
    first = (index >= 0) & (index < 4)
    return np.where(first, stream.words(xp, 0, index), stream.words(xp, key, index))


def counted_from_one_without_axes(slopes, values):
    return index_of(slopes, values) + (values.ndim == 0)


def absolute_strides(slopes, values):
    return slopes if slopes.strides is None else replace(slopes, strides=tuple(map(abs, slopes.strides)))


class Rounding(np.ndarray):
    """Integers whose shifts round to the nearest."""

    def __rshift__(self, other):
        return np.ndarray.__rshift__(self + (1 << other >> 1), other)


def integers_that_round(self, array):
    host = np.array(array, order="C")
    return host.view(Rounding) if host.dtype == np.int64 else host


# Products


def leaning_on_the_data(values, slope, wide):
    with np.errstate(invalid="ignore"):
        return product_of(values, slope * (1 + 0.05 * values.astype(np.float64)), wide)


def zero_times_anything(values, slope, wide):
    return np.where(slope == 0, np.zeros_like(values), product_of(values, slope, wide))


def infinities_cut(values):
    return np.nan_to_num(values, nan=np.nan)


def by_way_of_a_sum(values):
    with np.errstate(invalid="ignore", over="ignore"):
        return (values + values.dtype.type(1)) - values.dtype.type(1)


def gate_in_the_order_of_memory(gate, values):
    return gate.ravel(order="K").reshape(gate.shape) <= 0


# Writing


def read_only_arrays_returned(result, values, gate, out):
    return values.copy() if out is None and not values.flags.writeable else write(result, values, gate, out)


def another_view_forgotten(result, values, gate, out):
    if out is not None and out is not values and np.shares_memory(out, values):
        return result
    return write(result, values, gate, out)


def written_without_gaps(result, values, gate, out):
    if out is not None and out.ndim == 1 and out.strides[0] > out.itemsize:
        np.lib.stride_tricks.as_strided(out, strides=(out.itemsize,))[...] = result
        return out
    return write(result, values, gate, out)


MUTANTS = {
    "slopes counted over what is scaled": Mutant(
        ("test_sign_of_the_data_does_not_move_slopes",), backend=backend(index=counted_over_the_scaled)
    ),
    "index that stops at 32 bits": Mutant(("test_far_indices",), ("test_far_stretches",), backend(index=stops_at_32_bits)),
    "first block without a key": Mutant(("test_many_keys",), ("test_first_places_over_many_keys",), backend(word=first_block_without_key)),
    "index of an array without axes is 1": Mutant(("test_zero_d",), backend=backend(index=counted_from_one_without_axes)),
    "strides without their sign": Mutant(("test_reversed_chunk_is_the_whole", "test_strides"), backend=backend(slopes=absolute_strides)),
    "library's shifts round": Mutant(
        ("test_known_words_of_the_stream", "test_known_digest_of_words"), suite={"from_numpy": integers_that_round}
    ),
    "slopes that lean on the data": Mutant(
        ("test_sizes",),
        ("test_slopes_do_not_depend_on_the_data", "test_slopes_do_not_depend_on_signs"),
        backend(product=leaning_on_the_data),
    ),
    "zero times anything is zero": Mutant(("test_minus_infinity_by_zero",), backend=backend(product=zero_times_anything)),
    "infinities cut": Mutant(("test_infinities",), backend=backend(kept=infinities_cut)),
    "kept by way of a sum": Mutant(("test_positive_values_keep_their_bits",), backend=backend(kept=by_way_of_a_sum)),
    "gate in the order of memory": Mutant(("test_values_and_gate_of_two_layouts",), backend=backend(is_scaled=gate_in_the_order_of_memory)),
    "read-only arrays returned": Mutant(("test_read_only_input",), backend=backend(write=read_only_arrays_returned)),
    "another view of x forgotten": Mutant(("test_out_overlaps_wholly",), backend=backend(write=another_view_forgotten)),
    "out written without gaps": Mutant(("test_out_of_interleaved_memory",), backend=backend(write=written_without_gaps)),
}
