"""Lines that are side by side on one baseline, as rows. Pure and total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.text.layout.page_lines import Indices, PageLines, page_lines
from pipeline.types import Box, Line


@dataclass(frozen=True, slots=True)
class Row:
    """Lines on one baseline, from left to right.

    Attributes:
        lines: At least one.
        box: The bounding box of the lines on the straightened page.
    """

    lines: tuple[Line, ...]
    box: Box


def bounding_box(boxes: Sequence[Box]) -> Box:
    """The smallest box around some boxes (at least one)."""
    if len(boxes) == 1:
        return boxes[0]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def rows(lines: Sequence[Line]) -> list[Row]:
    """Group the lines of a page into rows, from top to bottom."""
    page = page_lines(lines)
    return rows_of(page, page.all)


def rows_of(page: PageLines, part: Indices) -> list[Row]:
    """Group some lines of a page into rows, from top to bottom."""
    if not len(part):
        return []
    if len(part) == 1 and page.marker[part[0]] < 0:
        i = part[0]
        edges = page.x0[i], page.y0[i], page.x1[i], page.y1[i]
        x0, y0, x1, y1 = map(float, edges)
        return [Row((page.lines[i],), (x0, y0, x1, y1))]
    markers = page.marker[part]
    part = np.concatenate((part, markers[markers >= 0]))
    order = part[np.lexsort((page.x1[part], page.x0[part], page.row[part]))]
    row = page.row[order]
    starts = np.concatenate(([0], np.flatnonzero(row[1:] != row[:-1]) + 1))
    left, right = page.x0[order[starts]], np.maximum.reduceat(page.x1[order], starts)
    top = np.minimum.reduceat(page.y0[order], starts)
    bottom = np.maximum.reduceat(page.y1[order], starts)
    boxes = list(zip(left.tolist(), top.tolist(), right.tolist(), bottom.tolist(), strict=True))
    down = np.lexsort((left, page.middle[order[starts]])).tolist()
    ends = [*starts[1:].tolist(), len(order)]
    begins, members, lines = starts.tolist(), order.tolist(), page.lines
    return [Row(tuple([lines[j] for j in members[begins[i] : ends[i]]]), boxes[i]) for i in down]
