"""Tests of agreement of a part with the whole: chunks, shards, shared axes, and indices beyond 32 bits."""

from __future__ import annotations

import numpy as np
import pytest

from multirrelu import Slopes

from . import reference
from .bits import assert_equal_bits
from .layouts import data, part_of
from .library import Library

LOWER, UPPER = 1 / 8, 1 / 3
FAR = (2**31, 2**32, 2**33, 2**34, 2**35, 2**62, 2**63, 2**64)
WHOLE = (6, 35, 67)
AXES = (0, 1, 2, -1, -3, (0, 1), (1, 2), (-1, 0), (0, 1, 2), ())


class Positions(Library):
    """The slope of an element depends only on its position in the whole array."""

    def test_chunks_are_the_whole(self) -> None:
        """Pieces of an array that is cut at random positions give the bits of the whole, by their offsets."""
        x = data((10_007,), "float32", seed=1)
        cuts = np.unique(np.random.default_rng(1).integers(0, x.size, 16)).tolist()
        whole = self.host(self.api.rrelu(self.array(x, "float32"), training=True, rng=21))
        assert_equal_bits(whole, reference.rrelu(x, Slopes(LOWER, UPPER, 21), "float32"), key=21)
        for start, stop in zip([0, *cuts], [*cuts, x.size], strict=True):
            piece = self.view(part_of(slice(start, stop)), x, "float32")
            y = self.api.scale(piece, piece, Slopes(LOWER, UPPER, 21, offset=start))
            self.check(y, whole[start:stop], "float32", chunk=(start, stop), key=21)

    @pytest.mark.parametrize("seed", range(8))
    def test_boxes_are_the_whole(self, seed: int) -> None:
        """A box cut from three axes gives the bits of the whole, by its offset and the strides of the whole."""
        x, rng = data(WHOLE, "float32", seed=2), np.random.default_rng(seed)
        ends = [sorted(rng.integers(0, length + 1, 2).tolist()) for length in WHOLE]
        box = tuple(slice(start, max(stop, start + 1)) for start, stop in ends)
        strides = (WHOLE[1] * WHOLE[2], WHOLE[2], 1)
        offset = sum(stride * part.start for stride, part in zip(strides, box, strict=True))
        whole = reference.rrelu(x, Slopes(LOWER, UPPER, 22), "float32")
        piece = self.view(part_of(box), x, "float32")
        y = self.api.scale(piece, piece, Slopes(LOWER, UPPER, 22, offset, strides))
        self.check(y, whole[box], "float32", box=box, key=22)

    @pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 4097])
    def test_reversed_chunk_is_the_whole(self, size: int) -> None:
        """Strides of -1 count the index down, and it wraps past zero where the offset is small."""
        x = data((size,), "float32", seed=3)
        for offset in (size - 1, size // 2):
            forward = Slopes(LOWER, UPPER, 23, offset=offset - size + 1)
            y = self.api.scale(*[self.array(x[::-1], "float32")] * 2, Slopes(LOWER, UPPER, 23, offset, (-1,)))
            self.check(y, reference.rrelu(x, forward, "float32")[::-1], "float32", inputs={"x": x[::-1]}, offset=offset)

    @pytest.mark.parametrize("strides", [(67, 2345, 1), (1, 67, 469), (2, 0, 1000), (0, 0, 0), (-1, 3, -70), (2**33 + 1, 2**62, 2**63)])
    def test_strides(self, strides: tuple[int, ...]) -> None:
        """The index is the offset plus each coordinate times its stride, modulo 2**64."""
        shape, offset = (3, 4, 5), 1000
        slopes = self.slopes(shape, Slopes(LOWER, UPPER, 24, offset, strides))
        places = [(offset + sum(k * s for k, s in zip(at, strides, strict=True))) % 2**64 for at in np.ndindex(*shape)]
        one_by_one = [reference.drawn((1,), Slopes(LOWER, UPPER, 24, place))[0] for place in places]
        assert_equal_bits(slopes, np.asarray(one_by_one, dtype=np.float32).reshape(shape), strides=strides, offset=offset)

    @pytest.mark.parametrize("axes", AXES, ids=str)
    def test_shared_axes(self, axes: int | tuple[int, ...]) -> None:
        """Elements along a shared axis have one slope, which is that of the array without the axis."""
        shape = (4, 5, 6)
        shared = {axis % 3 for axis in (axes if isinstance(axes, tuple) else (axes,))}
        kept = tuple(1 if axis in shared else length for axis, length in enumerate(shape))
        expected = np.broadcast_to(reference.drawn((int(np.prod(kept)),), Slopes(LOWER, UPPER, 25)).reshape(kept), shape)
        slopes = self.host(self.api.draw_slopes(self.filled(shape), rng=25, shared_axes=axes))
        assert_equal_bits(slopes, expected.astype(np.float32), key=25, shared_axes=axes)
        y = self.api.rrelu(self.filled(shape), training=True, rng=25, shared_axes=axes)
        self.check(y, -expected.astype(np.float32), "float32", key=25, shared_axes=axes)

    def test_shared_axes_of_a_transposed_array(self) -> None:
        """Shared axes are those of the logical array."""
        x = data((33, 65), "float32", seed=6)
        array = self.view(lambda xp, a: xp.permute_dims(a, (1, 0)), x, "float32")
        y = self.api.rrelu(array, training=True, rng=26, shared_axes=1)
        expected = reference.rrelu(x.T, Slopes(LOWER, UPPER, 26, strides=(1, 0)), "float32")
        self.check(y, expected, "float32", inputs={"x": x.T}, key=26)

    @pytest.mark.parametrize("far", FAR)
    def test_far_indices(self, far: int) -> None:
        """An index has 64 bits: an array may cross a boundary inside, and the index wraps from 2**64 to 0."""
        offset = far - 70
        slopes = self.slopes((140,), Slopes(LOWER, UPPER, 27, offset))
        expected = reference.drawn((140,), Slopes(LOWER, UPPER, 27, offset)).astype(np.float32)
        assert_equal_bits(slopes, expected, offset=offset, key=27)
        beyond = self.slopes((70,), Slopes(LOWER, UPPER, 27, far % 2**64))
        assert_equal_bits(slopes[70:], beyond, offset=offset, key=27, what="the elements from the boundary on, drawn on their own")

    @pytest.mark.parametrize("far", [2**32, 2**34, 2**63])
    def test_far_indices_are_not_near_ones(self, far: int) -> None:
        """Slopes beyond a boundary differ from those at the start."""
        near, distant = self.slopes((64,), Slopes(LOWER, UPPER, 28)), self.slopes((64,), Slopes(LOWER, UPPER, 28, far))
        assert np.count_nonzero(near == distant) == 0, f"offset {far} repeats slopes of offset 0"
