"""Where the piece of a tensor lies: as PyTorch itself has it."""

from __future__ import annotations

from itertools import product

import pytest

pytest.importorskip("torch")

from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor._utils import _compute_local_shape_and_global_offset

from multirrelu_backends.torch.pieces import piece, place_of

PARTS = (2, 3)


@pytest.mark.parametrize("dims", list(product((-1, 0, 1), repeat=2)), ids=str)
@pytest.mark.parametrize("shape", [(6, 12), (7, 5), (1, 4), (0, 3), (100, 1)], ids=str)
def test_pieces_are_pytorchs(shape, dims):
    placements = [Replicate() if dim < 0 else Shard(dim) for dim in dims]
    for place in product(*map(range, PARTS)):
        lengths, first = piece(shape, PARTS, place, dims)
        theirs, offset = _compute_local_shape_and_global_offset(shape, PARTS, list(place), placements)
        assert lengths == theirs
        assert 0 in lengths or first == offset


def test_places_are_in_c_order():
    assert [place_of(number, PARTS) for number in range(6)] == list(product(range(2), range(3)))
