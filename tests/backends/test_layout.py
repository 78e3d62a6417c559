"""The order in which a kernel walks: axes merged where they are one, sorted by memory, and tiles where index and memory disagree."""

from __future__ import annotations

import pytest

from multirrelu_backends._layout import collapse, transposed


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
        ([(3, 4, 4, 4, 5), (5, 12, 12, 12, 1)], [(5, 12, 12, 12, 1), (3, 4, 4, 4, 5)]),
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
        ([(5, 12, 12, 12, 1), (3, 4, 4, 4, 5)], [(5, 12, 12, 12, 1), (3, 4, 4, 4, 5)]),
        ([(5, 48, 48, 48, 1), (4, 12, 12, 12, 15), (3, 4, 4, 4, 5)], [(4, 12, 12, 12, 15), (5, 48, 48, 48, 1), (3, 4, 4, 4, 5)]),
    ],
)
def test_transposed(axes, want):
    assert transposed(axes) == want
