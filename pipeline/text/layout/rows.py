"""Rows: the pieces of text that stand side by side on one baseline. Pure and total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.types import Box, Line

_SHARED_HEIGHT = 0.5
"""Two pieces are on one row when they share this part of the lower one's height."""


@dataclass(frozen=True, slots=True)
class Row:
    """Lines of an engine on one baseline, from left to right.

    Attributes:
        lines: At least one.
        box: The hull of the lines' boxes.
    """

    lines: tuple[Line, ...]
    box: Box


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around some boxes (at least one)."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def middle(line: Line) -> float:
    """The height of a line's middle, px."""
    return (line.box[1] + line.box[3]) / 2


def canonical(lines: Sequence[Line]) -> list[Line]:
    """The lines from top to bottom in an order that does not depend on the order given."""
    return sorted(lines, key=lambda line: (line.box[1], line.box, line.text, line.score))


def rows(lines: Sequence[Line]) -> list[Row]:
    """Gather lines to rows, from top to bottom.

    Each line is hung on the row whose last line it continues best, so that the rows of a
    slightly turned page, whose two ends differ in height, still hold together.
    """
    pieces: list[list[Line]] = []
    ends = np.empty((len(lines), 3))  # x1, y0 and y1 of the last line of each row
    for line in sorted(canonical(lines), key=lambda line: line.box[0]):
        found = _continued(ends[: len(pieces)], line)
        if found is None:
            found = len(pieces)
            pieces.append([])
        pieces[found].append(line)
        ends[found] = line.box[2], line.box[1], line.box[3]
    gathered = [Row(tuple(piece), hull([line.box for line in piece])) for piece in pieces]
    return sorted(gathered, key=lambda row: (middle(row.lines[0]), row.box, row.lines[0].text))


def _continued(ends: np.ndarray, line: Line) -> int | None:
    """The row that the line continues, None where it begins one."""
    if not len(ends):
        return None
    x0, y0, _, y1 = line.box
    height = y1 - y0
    shared = np.minimum(ends[:, 2], y1) - np.maximum(ends[:, 1], y0)
    lower = np.minimum(ends[:, 2] - ends[:, 1], height)
    # The boxes of neighbouring words may overlap by the margin that the detector adds.
    fits = (shared > _SHARED_HEIGHT * lower) & (ends[:, 0] <= x0 + height / 2)
    if not fits.any():
        return None
    return int(np.argmax(np.where(fits, shared, -np.inf)))
