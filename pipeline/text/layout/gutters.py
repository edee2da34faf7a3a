"""White strips between lines that stand side by side. Pure and total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.text.layout.rows import middle, rows
from pipeline.types import Line

_LEAST_EM = 0.6
"""Least width of a gutter in heights of a line, beside the margins below."""
_MARGIN_EM = 0.3
"""How far a detector's box reaches beyond the ink at either end, in heights of a line."""
_STEP_EM = 0.25
"""Distance between the places where a gutter is looked for, in heights of a line."""

_Flags = npt.NDArray[np.bool_]
_Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Gutter:
    """A white strip and the lines around it.

    Attributes:
        height_px: How far its two sides stand side by side.
        above: The lines over its upper end, from top to bottom, as all of these.
        left: The lines on its left.
        right: The lines on its right.
        below: The lines under its lower end.
    """

    height_px: float
    above: list[Line]
    left: list[Line]
    right: list[Line]
    below: list[Line]


def gutters(lines: Sequence[Line], em_px: float) -> list[Gutter]:
    """All white strips with at least two lines on either side, the tallest first.

    Among equally tall ones the one with most lines is the first. A strip ends above and below
    at a row that crosses it.

    Args:
        lines: The lines of a part of a page, in any order.
        em_px: The usual height of a line, px.
    """
    if len(lines) < 4:
        return []
    found: dict[tuple[int, int, int], Gutter] = {}
    sorted_lines, row_starts = _by_rows(lines)
    for is_left, is_right in _sides(sorted_lines, em_px):
        crossed = np.logical_or.reduceat(~(is_left | is_right), row_starts)
        bounds = np.append(row_starts, len(sorted_lines))
        for start, end in _stretches(bounds, crossed):
            count = int(is_left[start:end].sum())
            key = (start, end, count)
            if key not in found and 2 <= count <= end - start - 2:
                found[key] = _gutter(sorted_lines, start, end, is_left)
    tall = [gutter for gutter in found.values() if gutter.height_px > 0]
    return sorted(tall, key=lambda gutter: (-gutter.height_px, -len(gutter.left + gutter.right)))


def _by_rows(lines: Sequence[Line]) -> tuple[list[Line], _Indices]:
    """The lines row by row, and where each row starts."""
    gathered = rows(lines)
    counts = [len(row.lines) for row in gathered]
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return [line for row in gathered for line in row.lines], starts.astype(np.intp)


def _sides(lines: Sequence[Line], em_px: float) -> Iterator[tuple[_Flags, _Flags]]:
    """For each place of a strip, which lines lie on its left and which on its right."""
    boxes = np.array([line.box for line in lines])
    margin = np.minimum(_MARGIN_EM * em_px, (boxes[:, 2] - boxes[:, 0]) / 4)
    x0, x1 = boxes[:, 0] + margin, boxes[:, 2] - margin
    ends = np.sort(x1)
    # The furthest end of those that lie close together stands for all of them.
    last = np.append(np.diff(np.floor(ends / (_STEP_EM * em_px))) > 0, True)
    for edge in ends[last]:
        yield x1 <= edge, x0 >= edge + _LEAST_EM * em_px


def _stretches(bounds: _Indices, crossed: _Flags) -> Iterator[tuple[int, int]]:
    """Where the lines between crossed rows start and end."""
    crossings = np.flatnonzero(crossed)
    starts = bounds[np.concatenate(([0], crossings + 1))]
    ends = bounds[np.concatenate((crossings, [len(crossed)]))]
    enough = ends - starts >= 4
    yield from zip(starts[enough].tolist(), ends[enough].tolist(), strict=True)


def _gutter(lines: Sequence[Line], start: int, end: int, is_left: _Flags) -> Gutter:
    left = [line for line, here in zip(lines[start:end], is_left[start:end], strict=True) if here]
    right = [
        line for line, here in zip(lines[start:end], is_left[start:end], strict=True) if not here
    ]
    bottom = min(middle(left[-1]), middle(right[-1]))
    height_px = bottom - max(middle(left[0]), middle(right[0]))
    return Gutter(height_px, list(lines[:start]), left, right, list(lines[end:]))
