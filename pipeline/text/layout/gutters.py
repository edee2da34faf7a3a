"""Finds gutters: white strips between lines side by side. Pure and total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.text.layout.rows import PlacedLine, center_y, rows

_MIN_GUTTER_EM = 0.6
"""Minimum width of a gutter in line heights, in addition to the margins below."""
_MARGIN_EM = 0.3
"""How far a detector's box extends beyond the ink at either end, in line heights."""
_STEP_EM = 0.25
"""Distance between the candidate positions of a gutter, in line heights."""

_Flags = npt.NDArray[np.bool_]
_Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Gutter:
    """A white strip and the lines around it.

    Attributes:
        height_px: Height over which there are lines on both sides, px.
        lines: All lines of the region; all lists are sorted from top to bottom.
        start: Index of the first line beside the strip.
        end: Index of the first line below its lower end.
        left: The lines on its left.
        right: The lines on its right.
    """

    height_px: float
    lines: Sequence[PlacedLine]
    start: int
    end: int
    left: list[PlacedLine]
    right: list[PlacedLine]

    @property
    def count(self) -> int:
        """Number of lines beside the strip."""
        return self.end - self.start

    @property
    def above(self) -> list[PlacedLine]:
        """The lines above its upper end."""
        return list(self.lines[: self.start])

    @property
    def below(self) -> list[PlacedLine]:
        """The lines below its lower end."""
        return list(self.lines[self.end :])

    @cached_property
    def left_side(self) -> list[PlacedLine]:
        """The line next to the strip of each row on its left."""
        return right_ends(self.left)

    @cached_property
    def right_side(self) -> list[PlacedLine]:
        """The line next to the strip of each row on its right."""
        return left_ends(self.right)


def right_ends(lines: Sequence[PlacedLine]) -> list[PlacedLine]:
    """The last line of each row: those next to a gutter on their right."""
    return [row.lines[-1] for row in rows(lines)]


def left_ends(lines: Sequence[PlacedLine]) -> list[PlacedLine]:
    """The first line of each row: those next to a gutter on their left."""
    return [row.lines[0] for row in rows(lines)]


def gutters(lines: Sequence[PlacedLine], em_px: float) -> list[Gutter]:
    """All white strips with at least two lines on either side, the tallest first.

    Among equally tall ones the one with most lines is first. A strip ends at the rows that cross
    it.

    Args:
        lines: The lines of a part of a page, in any order.
        em_px: The usual height of a line, px.
    """
    if len(lines) < 4:
        return []
    sorted_lines, row_starts = _by_rows(lines)
    is_left, is_right = _sides_of_strips(sorted_lines, em_px)
    crossed = np.logical_or.reduceat(~(is_left | is_right), row_starts, axis=1)
    bounds = np.append(row_starts, len(sorted_lines))
    found: dict[tuple[int, int, int], Gutter] = {}
    for strip in np.flatnonzero(is_left.any(axis=1) & is_right.any(axis=1)).tolist():
        for start, end in _uncrossed_runs(bounds, crossed[strip]):
            count = int(is_left[strip, start:end].sum())
            key = (start, end, count)
            if key not in found and 2 <= count <= end - start - 2:
                found[key] = _gutter(sorted_lines, start, end, is_left[strip])
    tall = [gutter for gutter in found.values() if gutter.height_px > 0]
    return sorted(tall, key=lambda gutter: (-gutter.height_px, -gutter.count))


def _by_rows(lines: Sequence[PlacedLine]) -> tuple[list[PlacedLine], _Indices]:
    """The lines row by row, and where each row starts."""
    gathered = rows(lines)
    counts = [len(row.lines) for row in gathered]
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return [line for row in gathered for line in row.lines], starts.astype(np.intp)


def _sides_of_strips(lines: Sequence[PlacedLine], em_px: float) -> tuple[_Flags, _Flags]:
    """For each candidate position, flags of the lines to its left and to its right.

    Returns:
        Two arrays of shape (positions, lines).
    """
    boxes = np.array([line.box for line in lines])
    margin = np.minimum(_MARGIN_EM * em_px, (boxes[:, 2] - boxes[:, 0]) / 4)
    x0, x1 = boxes[:, 0] + margin, boxes[:, 2] - margin
    ends = np.sort(x1)
    # Of ends closer than the step only the last is a candidate.
    last = np.append(np.diff(np.floor(ends / (_STEP_EM * em_px))) > 0, True)
    edges = ends[last][:, np.newaxis]
    return x1 <= edges, x0 >= edges + _MIN_GUTTER_EM * em_px


def _uncrossed_runs(bounds: _Indices, crossed: _Flags) -> Iterator[tuple[int, int]]:
    """Start and end of the runs of lines between rows that cross the strip."""
    crossings = np.flatnonzero(crossed)
    starts = bounds[np.concatenate(([0], crossings + 1))]
    ends = bounds[np.concatenate((crossings, [len(crossed)]))]
    enough = ends - starts >= 4
    yield from zip(starts[enough].tolist(), ends[enough].tolist(), strict=True)


def _gutter(lines: Sequence[PlacedLine], start: int, end: int, is_left: _Flags) -> Gutter:
    flags = is_left[start:end].tolist()
    left = [line for line, here in zip(lines[start:end], flags, strict=True) if here]
    right = [line for line, here in zip(lines[start:end], flags, strict=True) if not here]
    bottom = min(center_y(left[-1]), center_y(right[-1]))
    height_px = bottom - max(center_y(left[0]), center_y(right[0]))
    return Gutter(height_px, lines, start, end, left, right)
