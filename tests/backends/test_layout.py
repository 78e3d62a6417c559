"""The order in which a kernel walks: axes merged where they are one, sorted by memory, and tiles where index and memory disagree."""

from __future__ import annotations

import pytest

from multirrelu_backends._layout import axes_of, by_memory, collapse, counts_on, is_consecutive, pieces, transposed


@pytest.mark.parametrize(
    ("shape", "memory", "steps", "want"),
    [
        ((3, 5), (20, 4), None, [(15, 4, 4, 4, 1)]),
        ((3, 5), (4, 12), None, [(3, 4, 4, 4, 5), (5, 12, 12, 12, 1)]),
        ((3, 5), (20, 4), (0, 1), [(3, 20, 20, 20, 0), (5, 4, 4, 4, 1)]),
        ((3, 50), (200, 4), (2**64 - 1, 2**63 + 1), [(3, 200, 200, 200, -1), (50, 4, 4, 4, 1 - 2**63)]),
        ((3, 5), (20, 4), (), [(15, 4, 4, 4, 0)]),
        ((3, 50), (4, 12), (), [(150, 4, 4, 4, 0)]),
        ((), (), None, [(1, 0, 0, 0, 0)]),
        ((), (), (), [(1, 0, 0, 0, 0)]),
    ],
)
def test_axes_of_a_call(shape, memory, steps, want):
    assert axes_of(shape, (memory,) * 3, steps) == want


@pytest.mark.parametrize(
    ("axis", "one", "drawn", "want"),
    [
        ((9, 4, 4, 4, 1), 4, True, True),
        ((9, 4, 4, 4, 1), 2, True, False),
        ((9, 4, 4, 8, 1), 4, True, False),
        ((9, 8, 4, 4, 1), 4, False, False),
        ((9, 4, 4, 4, 0), 4, True, False),
        ((9, 4, 4, 4, 0), 4, False, True),
    ],
)
def test_neighbours(axis, one, drawn, want):
    assert counts_on(axis, one, drawn) is want
    assert is_consecutive([axis], one, drawn) is want
    assert not is_consecutive([axis, axis], one, drawn)
    assert is_consecutive([(1, *axis[1:])], one, drawn)


def test_axes_in_the_order_of_memory():
    near, far, backwards = (3, 1, 1, 4, 9), (2, 9, 9, 60, 1), (5, 1, 1, -20, 1)
    assert by_memory([near, backwards, far]) == [far, backwards, near]


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
