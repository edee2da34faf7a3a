"""Where each token of a page's picture comes from: pure arithmetic on indices.

The encoder makes 16 by 16 tokens of the global view and 10 by 10 of each tile (12 by 12 for
OCR-2). The model reads the tiles as one picture row by row, each row ended by a newline, then
the global view the same way, then a separator. So a page is one lookup in a table that holds the
tokens of all tiles of a batch, those of its global views, the newline and the separator.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]
Grid = tuple[int, int]
"""Columns and rows of tiles; (1, 1) for a page without tiles."""

_NEWLINE = -1


def tiles_of(grid: Grid) -> int:
    """How many tiles a page has: none where the grid is one by one."""
    columns, rows = grid
    return columns * rows if columns > 1 or rows > 1 else 0


def tokens_of(grid: Grid, view_side: int, tile_side: int) -> int:
    """How many tokens a page becomes."""
    columns, rows = grid
    whole = view_side * (view_side + 1) + 1
    return whole + (rows * tile_side * (columns * tile_side + 1) if tiles_of(grid) else 0)


def pages(grids: Sequence[Grid], views_from: int, view_side: int, tile_side: int) -> Index:
    """Rows of the table that make up the pages of a batch, one page after the other.

    The table's rows: tiles from 0 in order of pages, global views from `views_from`, after the
    last of them the newline, then the separator.

    Args:
        grids: The grid of each page.
        views_from: First row of the global views.
        view_side: Tokens along a side of the global view.
        tile_side: Tokens along a side of a tile.

    Returns:
        Shape (sum of `tokens_of`,).
    """
    newline = views_from + len(grids) * view_side**2
    made, tile, view = list[Index](), 0, views_from
    for grid in grids:
        if tiles_of(grid):
            made.append(_shift(_rows(*grid, tile_side), tile, newline))
            tile += tiles_of(grid) * tile_side**2
        made.append(_shift(_rows(1, 1, view_side), view, newline))
        made.append(np.array([newline + 1]))
        view += view_side**2
    return np.concatenate(made)


def _shift(tokens: Index, by: int, newline: int) -> Index:
    return np.where(tokens == _NEWLINE, newline, tokens + by)


@cache
def _rows(columns: int, rows: int, side: int) -> Index:
    """Tokens of tiles read as one picture: row by row, each ended by `_NEWLINE`."""
    tokens = np.arange(rows * columns * side * side).reshape(rows, columns, side, side)
    picture = tokens.transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
    ended = np.full((rows * side, 1), _NEWLINE)
    return np.concatenate([picture, ended], axis=1).reshape(-1)
