"""Groups lines that are side by side on one baseline into rows. Pure and total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.types import Box, Line

_SHARED_HEIGHT = 0.5
"""Two lines are on one row if they overlap by this share of the smaller one's height."""


@dataclass(frozen=True, slots=True)
class Row:
    """Lines on one baseline, from left to right.

    Attributes:
        lines: At least one.
        box: The bounding box of the lines.
    """

    lines: tuple[Line, ...]
    box: Box


def bounding_box(boxes: Sequence[Box]) -> Box:
    """The smallest box around some boxes (at least one)."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def center_y(line: Line) -> float:
    """The vertical centre of a line, px."""
    return (line.box[1] + line.box[3]) / 2


def sort_top_down(lines: Sequence[Line]) -> list[Line]:
    """The lines sorted from top to bottom, independent of the given order."""
    return sorted(lines, key=lambda line: (line.box[1], line.box, line.text, line.score))


def rows(lines: Sequence[Line]) -> list[Row]:
    """Group lines into rows, from top to bottom.

    Each line is appended to the row whose last line overlaps it most, so that the rows of a
    slightly skewed page, whose two ends differ in height, stay whole.
    """
    groups: list[list[Line]] = []
    ends = np.empty((len(lines), 3))  # x1, y0 and y1 of the last line of each row
    for line in sorted(sort_top_down(lines), key=lambda line: line.box[0]):
        found = _continued(ends[: len(groups)], line)
        if found is None:
            found = len(groups)
            groups.append([])
        groups[found].append(line)
        ends[found] = line.box[2], line.box[1], line.box[3]
    gathered = [Row(tuple(group), bounding_box([line.box for line in group])) for group in groups]
    return sorted(gathered, key=lambda row: (center_y(row.lines[0]), row.box, row.lines[0].text))


def _continued(ends: np.ndarray, line: Line) -> int | None:
    """The index of the row that a line continues, None for a new row."""
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
