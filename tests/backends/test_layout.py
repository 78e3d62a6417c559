"""The order in which a kernel walks: axes merged where they are one, sorted by memory, and tiles where index and memory disagree."""

from __future__ import annotations

import pytest

from multirrelu_backends._layout import collapse, pieces, transposed


@pytest.mark.parametrize(
    ("axes", "want"),
    [
        ([], [(1, 0, 0, 0, 0)]),
        ([(1, 8, 8, 8, 5)], [(1, 8, 8, 8, 5)]),
        ([(1, 8, 8, 8, 5), (1, 4, 4, 4, 1)], [(1, 0, 0, 0, 0)]),
        ([(3, 20, 20, 20, 5), (5, 4, 4, 4, 1)], [(15, 4, 4, 4, 1)]),
        ([(3, 40, 40, 40, 5), (5, 4, 4, 4, 1)], [(3, 40, 40, 40, 5), (5, 4, 4, 4, 1)]),
        ([(3, 20, 20, 20, 9), (5, 4, 4, 4, 1)], [(3, 20, 20, 20, 9), (5, 4, 4, 4, 1)]),
        ([(3, 0, 20, 20, 5), (5, 4, 4, 4, 1)], [(3, 0, 20, 20, 5), (5, 4, 4, 4, 1)]),
        ([(30, 4, 4, 4, 50), (50, 120, 120, 120, 1)], [(50, 120, 120, 120, 1), (30, 4, 4, 4, 50)]),
        ([(3, 4, 4, 4, 50), (50, 12, 12, 12, 1)], [(3, 4, 4, 4, 50), (50, 12, 12, 12, 1)]),
        ([(50, 16, 16, 16, 3), (3, 4, 4, 4, 1)], [(3, 4, 4, 4, 1), (50, 16, 16, 16, 3)]),
        ([(2, 60, 60, 60, 15), (3, 20, 20, 20, 5), (5, 4, 4, 4, 1)], [(30, 4, 4, 4, 1)]),
        ([(3, 20, 20, 20, 0), (5, 4, 4, 4, 0)], [(15, 4, 4, 4, 0)]),
    ],
)
def test_collapse(axes, want):
    assert collapse(axes) == want


@pytest.mark.parametrize(
    ("axes", "want"),
    [
        ([(9, 4, 4, 4, 1)], None),
        ([(9, 4, 4, 4, 0)], None),
        ([(5, 12, 12, 12, 1), (3, 4, 4, 4, 0)], None),
        ([(5, 12, 12, 12, 7), (3, 4, 4, 4, 2)], None),
        ([(5, 120, 120, 120, 1), (30, 4, 4, 4, 5)], None),
        ([(50, 120, 120, 120, 1), (30, 4, 4, 4, 50)], [(50, 120, 120, 120, 1), (30, 4, 4, 4, 50)]),
        (
            [(50, 480, 480, 480, 1), (4, 120, 120, 120, 1500), (30, 4, 4, 4, 50)],
            [(4, 120, 120, 120, 1500), (50, 480, 480, 480, 1), (30, 4, 4, 4, 50)],
        ),
    ],
)
def test_transposed(axes, want):
    assert transposed(axes) == want


def test_pieces_are_cut_along_the_shortest_axes_and_cover_every_element():
    axes = [(50, 1, 2, 3, 4), (2, 100, 200, 300, 400), (40, 0, 7, 0, 9), (3, 5, -5, 5, -5)]
    made = list(pieces(axes, 2))
    assert [piece for _, piece in made] == [[axes[0], axes[2]]] * 6
    assert sorted(start for start, _ in made) == sorted(
        tuple(a * one + b * other for one, other in zip(axes[1][1:], axes[3][1:], strict=True)) for a in range(2) for b in range(3)
    )
    assert list(pieces(axes, 4)) == [((0, 0, 0, 0), axes)]
