"""Groups lines that are side by side on one baseline into rows. Pure and total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from pipeline.types import Box, Line

_SHARED_HEIGHT = 0.5
"""Two lines are on one row if they overlap by this share of the smaller one's height."""
_MAX_BANDS = 512
"""Maximum number of bands in which `rows` looks up the rows that a line may continue."""
_MIN_BAND_PX = 1e-3
"""Minimum height of a band: lines may have no height."""


@dataclass(frozen=True, slots=True)
class PlacedLine(Line):
    """A line with its rank among the lines of its page.

    The parts of a page are divided recursively, and each time their lines are sorted. The rank is
    computed once, so that sorting any subset compares integers.

    Attributes:
        rank: Its index when all lines are sorted by their left edges, ties as `sort_top_down`.
    """

    rank: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Lines on one baseline, from left to right.

    Attributes:
        lines: At least one.
        box: The bounding box of the lines.
    """

    lines: tuple[PlacedLine, ...]
    box: Box


def bounding_box(boxes: Sequence[Box]) -> Box:
    """The smallest box around some boxes (at least one)."""
    if len(boxes) == 1:
        return boxes[0]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def center_y(line: Line) -> float:
    """The vertical centre of a line, px."""
    return (line.box[1] + line.box[3]) / 2


def sort_top_down(lines: Sequence[Line]) -> list[Line]:
    """The lines sorted from top to bottom, independent of the given order."""
    return sorted(lines, key=lambda line: (line.box[1], line.box, line.text, line.score))


def placed(lines: Sequence[Line]) -> list[PlacedLine]:
    """The lines in the given order, each with its rank among them."""
    by_left_edge = sorted(sort_top_down(lines), key=lambda line: line.box[0])
    ranks = {id(line): rank for rank, line in enumerate(by_left_edge)}
    return [PlacedLine(line.text, line.box, line.score, ranks[id(line)]) for line in lines]


def rows(lines: Iterable[PlacedLine]) -> list[Row]:
    """Group lines into rows, from top to bottom.

    Each line is appended to the row whose last line overlaps it most, so that the rows of a
    slightly skewed page, whose two ends differ in height, stay whole.
    """
    ordered = sorted(lines, key=attrgetter("rank"))
    top, band_px = _bands(ordered)
    groups: list[list[PlacedLine]] = []
    ends: list[Box] = []  # the box of the last line of each row
    touching: defaultdict[int, list[int]] = defaultdict(list)  # rows with a line in a band
    for line in ordered:
        _, y0, _, y1 = line.box
        bands = range(int((y0 - top) / band_px), int((y1 - top) / band_px) + 1)
        near = [touching[band] for band in bands]
        found = _continued(near, ends, line.box)
        if found is None:
            found = len(groups)
            groups.append([line])
            ends.append(line.box)
        else:
            groups[found].append(line)
            ends[found] = line.box
        for rows_of_band in near:
            if found not in rows_of_band:
                rows_of_band.append(found)
    gathered = [Row(tuple(group), bounding_box([line.box for line in group])) for group in groups]
    return sorted(gathered, key=lambda row: (center_y(row.lines[0]), row.box, row.lines[0].text))


def _bands(lines: Sequence[Line]) -> tuple[float, float]:
    """The top of some lines, and a height of bands of which a usual line touches two."""
    if not lines:
        return 0.0, 1.0
    tops, bottoms = [line.box[1] for line in lines], [line.box[3] for line in lines]
    top = min(tops)
    mean_px = (sum(bottoms) - sum(tops)) / len(lines)
    return top, max(mean_px, (max(bottoms) - top) / _MAX_BANDS, _MIN_BAND_PX)


def _continued(near: Sequence[Sequence[int]], ends: Sequence[Box], box: Box) -> int | None:
    """The index of the row that a line with this box continues, None for a new row.

    A loop over plain numbers: only a few rows are near, for which NumPy calls cost more than they
    save. Of rows that overlap the line equally the first is taken.

    Args:
        near: Indices of all rows that may overlap the line, and perhaps others, in several lists.
        ends: The box of the last line of each row.
        box: That of the line.
    """
    x0, y0, _, y1 = box
    height = y1 - y0
    # The boxes of neighbouring words may overlap by the margin that the detector adds.
    max_end = x0 + height / 2
    found, most = None, 0.0
    for indices in near:
        for index in indices:
            _, top, right, bottom = ends[index]
            if right > max_end or top >= y1 or bottom <= y0:
                continue
            shared = (bottom if bottom < y1 else y1) - (top if top > y0 else y0)
            is_more = shared > most or (shared == most and found is not None and index < found)
            if is_more and shared > _SHARED_HEIGHT * min(bottom - top, height):
                found, most = index, shared
    return found
