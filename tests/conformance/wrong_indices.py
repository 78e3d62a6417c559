"""Wrong `scale_at` for NumPy."""

from __future__ import annotations

import numpy as np

import multirrelu
from conformance.mutant import Mutant, api
from multirrelu import Slopes, agnostic


def wrong(index=lambda index, slopes: index, slopes=lambda slopes: slopes, gate=lambda gate, values: gate):
    """Return a right `scale_at`, but for the step that is given."""

    def scale_at(values, gate_given, at, slopes_given, /):
        if isinstance(slopes_given, Slopes):
            at, slopes_given = index(at, slopes_given), slopes(slopes_given)
        return multirrelu.scale_at(values, gate(gate_given, values), at, slopes_given)

    return api(scale_at=scale_at)


right = wrong().scale_at


def places(index, slopes):
    return np.arange(index.size, dtype=np.int64).reshape(index.shape)


def dense(index, slopes):
    """Read the index as if it had no gaps in memory."""
    return np.lib.stride_tricks.as_strided(index, index.shape, np.empty(index.shape, dtype=index.dtype).strides) + 0


def saturated(index, slopes):
    total = [min(max(int(at) + slopes.offset, -(2**63)), 2**63 - 1) - slopes.offset for at in index.ravel()]
    return np.asarray([(at + 2**63) % 2**64 - 2**63 for at in total], dtype=np.int64).reshape(index.shape)


def added_in_place(values, gate, index, slopes, /):
    y = multirrelu.scale_at(values, gate, index, slopes)
    if isinstance(slopes, Slopes):
        index += slopes.offset
    return y


def once_each(values, gate, index, slopes, /):
    """Scatter the slopes of sorted indices, which is right where none comes twice."""
    y = multirrelu.scale_at(values, gate, index, slopes)
    _, first = np.unique(index, return_index=True)
    seen = np.zeros(index.size, dtype=bool)
    seen[first] = True
    return np.where(seen.reshape(index.shape), y, np.zeros((), dtype=y.dtype)).astype(y.dtype)


def constant_is_drawn(values, gate, index, slopes, /):
    if not isinstance(slopes, Slopes):
        slopes = Slopes(slopes / 2, slopes, 0) if slopes > 0 else Slopes(slopes, slopes / 2, 0)
    return multirrelu.scale_at(values, gate, index, slopes)


def rounded_first(values, gate, index, slopes, /):
    wide = values.astype(np.float64)
    return agnostic.scale_at(wide, gate.astype(np.float64), index, slopes).astype(np.float32).astype(values.dtype)


MUTANTS = {
    "scale_at by places": Mutant(
        ("test_scale_at_sizes", "test_scale_at_keys", "test_scale_at_bounds", "test_scale_at_one_place_is_scale"), api=wrong(index=places)
    ),
    "scale_at by 32 bits": Mutant(
        ("test_scale_at_far_indices", "test_scale_at_one_place_is_scale", "test_scale_at_empty_and_zero_d"),
        api=wrong(index=lambda index, slopes: index & 0xFFFFFFFF),
    ),
    "scale_at by 62 bits": Mutant(("test_scale_at_far_indices",), api=wrong(index=lambda index, slopes: index & (2**62 - 1))),
    "scale_at without the offset": Mutant(
        ("test_scale_at_offset", "test_scale_at_each_place_is_scale"), api=wrong(slopes=lambda slopes: slopes.moved(-slopes.offset, None))
    ),
    "scale_at whose offset saturates": Mutant(("test_scale_at_offset",), api=wrong(index=saturated)),
    "scale_at by the key's low word": Mutant(
        ("test_scale_at_keys",), api=wrong(slopes=lambda slopes: slopes.keyed(int(slopes.key) & 0xFFFFFFFF))
    ),
    "scale_at with the gate of values": Mutant(("test_scale_at_gate_apart",), api=wrong(gate=lambda gate, values: values)),
    "scale_at by a dense index": Mutant(("test_scale_at_views",), api=wrong(index=dense)),
    "scale_at that adds in place": Mutant(("test_scale_at_leaves_its_arguments",), api=api(scale_at=added_in_place)),
    "scale_at once each": Mutant(("test_scale_at_sizes", "test_scale_at_far_indices"), api=api(scale_at=once_each)),
    "scale_at whose constant is drawn": Mutant(("test_scale_at_bounds",), api=api(scale_at=constant_is_drawn)),
    "scale_at by way of double": Mutant(("test_scale_at_sizes", "test_scale_at_gate_apart"), api=api(scale_at=rounded_first)),
}
