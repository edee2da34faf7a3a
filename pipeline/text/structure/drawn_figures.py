"""Tells figures from tables by the shapes that a page draws among words. Pure.

The rules of a table are straight. Curves, slanted lines and polygons between words are those of a
chart, a diagram or a map, whose labels may stand in rows and columns, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.text.layout.rows import Row, bounding_box
from pipeline.text.structure.pipe_tables import Grid
from pipeline.text.structure.places import touch
from pipeline.types import Box, Line

_LEAST_EM: Final = 1.5
"""Minimum length of a shape, in line heights: less is a letter drawn as a shape, a mark, a box to
tick."""
_MIN_SHAPES: Final = 2
"""A figure has so many shapes ..."""
_FIGURE: Final = 0.2
"""... on this share of its area ..."""
_CLEAR: Final = 0.75
"""... and fewer than this share of its rows have two cells with no shape on or between them ..."""
_MANY_CLEAR: Final = 6
"""... and fewer than so many: else it is a table that the shapes are beside. ..."""
_FILLED: Final = 0.8
"""... Where so many cells have text ..."""
_MIN_ROWS: Final = 4
"""... in so many rows ..."""
_MIN_COLUMNS: Final = 3
"""... and columns, it is a table that a mark is drawn on."""
_DOUBTFUL: Final = 0.1
"""A table may be a figure if shapes are on this share of its area."""
_STEPS: Final = 64
"""The area is measured in so many steps in each direction."""


def is_figure(rows: Sequence[Row], cells: Grid, shapes: Sequence[Box], em_px: float) -> bool:
    """Whether lines in rows are the labels of a figure.

    Args:
        rows: The lines.
        cells: The cells that they would make.
        shapes: What the page draws that is neither a straight line nor a rectangle.
        em_px: The usual height of a line.
    """
    box = bounding_box([row.box for row in rows])
    among = _among(box, shapes, em_px)
    if len(among) < _MIN_SHAPES or _share(box, among) < _FIGURE or _is_full(cells):
        return False
    several = [row.lines for row in rows if len(row.lines) > 1]
    return sum(_is_clear(lines, among) for lines in several) < min(
        _CLEAR * len(several), _MANY_CLEAR
    )


def may_be_figure(box: Box, shapes: Sequence[Box], em_px: float) -> bool:
    """Whether so much of a table's area has shapes that it may be a figure, or have one in it.

    Args:
        box: The box around its text.
        shapes: What the page draws that is neither a straight line nor a rectangle.
        em_px: The usual height of a line.
    """
    among = _among(box, shapes, em_px)
    return bool(among) and _share(box, among) >= _DOUBTFUL


def _is_full(cells: Grid) -> bool:
    """Whether a table has text in most cells, and some rows and columns."""
    texts = [text for row in cells for text in row]
    is_large = len(cells) >= _MIN_ROWS and len(cells[0]) >= _MIN_COLUMNS
    return is_large and sum(map(bool, texts)) >= _FILLED * len(texts)


def _among(box: Box, shapes: Sequence[Box], em_px: float) -> list[Box]:
    """The shapes on an area, but for small ones and those around all of it."""
    least = _LEAST_EM * em_px
    return [
        shape
        for shape in shapes
        if touch(shape, box)
        and max(shape[2] - shape[0], shape[3] - shape[1]) >= least
        and not _is_around(shape, box)
    ]


def _is_around(shape: Box, box: Box) -> bool:
    is_wide = shape[0] <= box[0] and shape[2] >= box[2]
    return is_wide and shape[1] <= box[1] and shape[3] >= box[3]


def _share(box: Box, shapes: Sequence[Box]) -> float:
    """The share of an area that the boxes of shapes cover together."""
    x0, y0, x1, y1 = box
    size = np.array([x1 - x0, y1 - y0] * 2)
    places = (np.array(shapes) - (x0, y0, x0, y0)) / np.maximum(size, 1e-3)
    places = np.clip(places, 0.0, 1.0) * _STEPS
    starts, ends = np.floor(places[:, :2]).astype(int), np.ceil(places[:, 2:]).astype(int)
    covered = np.zeros((_STEPS, _STEPS), np.bool_)
    for (left, top), (right, bottom) in zip(starts.tolist(), ends.tolist(), strict=True):
        covered[top:bottom, left:right] = True
    return float(covered.mean())


def _is_clear(lines: Sequence[Line], shapes: Sequence[Box]) -> bool:
    """Whether two cells of a row have no shape on or between them."""
    pairs = (bounding_box([a.box, b.box]) for a, b in pairwise(lines))
    return any(not any(touch(shape, pair) for shape in shapes) for pair in pairs)
