"""`pipeline.imaging.line_pieces`: pieces of lines are whole lines, one of each."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.imaging.line_pieces import line_pieces
from pipeline.imaging.projection import ink_sums
from pipeline.types import Pixels


def bars(count: int) -> Pixels:
    """A page with so many lines of 16 px, each of its own level of grey, and a heading."""
    page = np.full((1200, 900, 3), 255, np.uint8)
    page[20:90, 100:800] = 5
    for row in range(count):
        page[130 + 40 * row : 146 + 40 * row, 100:800] = 10 + row
    return page


@pytest.mark.parametrize("is_vertical", [False, True])
def test_pieces_are_of_different_lines_and_as_high_as_these(is_vertical: bool) -> None:
    page = bars(20)
    if is_vertical:
        page = np.ascontiguousarray(page.transpose(1, 0, 2))
    pieces = line_pieces(page, ink_sums(page), 4, vertical=is_vertical)
    assert len(pieces) == 4
    places = set()
    for piece in pieces:
        across = piece.transpose(1, 0, 2) if is_vertical else piece
        levels = np.unique(across)
        assert len(levels) == 2  # one line and paper: neither the next line nor the heading
        assert 16 <= len(across) <= 24
        assert len(across[0]) >= 5 * len(across)
        places.add(int(levels[0]))
    assert len(places) >= 2


def test_a_page_has_no_more_pieces_than_lines() -> None:
    page = bars(1)
    assert 1 <= len(line_pieces(page, ink_sums(page), 40)) <= 4


def test_a_page_without_lines_has_no_pieces() -> None:
    page = np.full((400, 300, 3), 255, np.uint8)
    assert line_pieces(page, ink_sums(page), 4) == []


def test_lines_along_the_page_give_no_pieces_across_it() -> None:
    page = np.ascontiguousarray(bars(20).transpose(1, 0, 2))
    assert line_pieces(page, ink_sums(page), 4) == []
