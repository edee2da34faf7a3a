"""Lines that the detector drew across a narrow gutter, and where to cut them. Pure.

Where two columns stand close together the detector sees one line. What tells a gutter from
the space between two words is what lies above and below it: the gap is there row after row,
wider than the others, and the text behind it starts at the same place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from pipeline.engines.ppocr.ink_runs import stretches
from pipeline.text.layout.rows import Row, rows
from pipeline.types import Line, Pixels

Quads = npt.NDArray[np.floating]
"""Corners of lines, clockwise from the top left: (lines, 4, 2), x and y in pixels."""

_MIN_EM = 0.2
"""Least width of a gap, in heights of a line: less is the space between two letters."""
_SHARED_EM = 0.15
"""Width that the gaps of two rows have in common where one continues the other."""
_MIN_ROWS = 6
"""Rows with the gap that make a gutter."""
_WIDER = 1.3
"""How much wider than the other gaps in its rows a gutter is."""
_AROUND = 4
"""Rows above and below that show where the edges of the gutter are."""
_RAGGED_EM = 0.2
"""How far text may reach beyond an edge of the gutter, in heights of a line."""
_HEADING = 1.6
"""Lines this many times as high as usual are headings: a gutter ends at them."""
_COLUMN_EM = 6.0
"""Least width of a column, in heights of a line: equations and numbers have less."""
_FLUSH_EM = 0.12
"""Where text counts as starting at the same place, in heights of a line."""
_FLUSH_SHARE = 0.6
"""Part of the rows that start where the row above does."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """White space between x0 and x1 of a row.

    Attributes:
        line: The line to cut, None where the gap lies between two lines.
    """

    x0: float
    x1: float
    line: int | None


@dataclass(frozen=True, slots=True)
class _GappedRow:
    """A row as its two ends and the gaps between them, from left to right."""

    x0: float
    x1: float
    gaps: list[_Gap]


@dataclass(slots=True)
class _Seam:
    """Gaps that continue each other from row to row.

    Attributes:
        gaps: One for each row.
        others: Widths of the other gaps in these rows.
        lefts: Widths of what lies before the gap in these rows.
        rights: Widths of what lies behind it.
    """

    gaps: list[_Gap] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    lefts: list[float] = field(default_factory=list)
    rights: list[float] = field(default_factory=list)

    def add(self, gap: _Gap, row: _GappedRow) -> None:
        self.gaps.append(gap)
        self.others += [other.x1 - other.x0 for other in row.gaps if other is not gap]
        self.lefts.append(gap.x0 - row.x0)
        self.rights.append(row.x1 - gap.x1)

    def is_gutter(self, em_px: float) -> bool:
        """Whether the gap is there often enough, wide, and the text behind it flush."""
        if len(self.gaps) < _MIN_ROWS or all(gap.line is None for gap in self.gaps):
            return False
        if min(median(self.lefts), median(self.rights)) < _COLUMN_EM * em_px:
            return False
        steps = [abs(below.x1 - above.x1) for above, below in pairwise(self.gaps)]
        flush = sum(step <= _FLUSH_EM * em_px for step in steps)
        width = median(gap.x1 - gap.x0 for gap in self.gaps)
        wide = not self.others or width >= _WIDER * median(self.others)
        return wide and flush >= _FLUSH_SHARE * len(steps)

    def cuts(self, em_px: float) -> list[_Gap]:
        """The gaps in lines that reach from edge to edge of the gutter around them."""
        found = []
        for i, gap in enumerate(self.gaps):
            around = self.gaps[max(0, i - _AROUND) : i + _AROUND + 1]
            left = np.percentile([near.x0 for near in around], 80) + _RAGGED_EM * em_px
            right = np.percentile([near.x1 for near in around], 20) - _RAGGED_EM * em_px
            if gap.line is not None and gap.x0 <= left and gap.x1 >= right:
                found.append(gap)
        return found


def split(pixels: Pixels, quads: Quads) -> Quads:
    """Cut the lines that reach across a gutter.

    Args:
        pixels: The image, (height, width, 3).
        quads: The detector's lines.

    Returns:
        The same lines, the cut ones as two or more.
    """
    boxes = np.concatenate((quads.min(axis=1), quads.max(axis=1)), axis=1).tolist()
    lines = [
        Line(str(i), (x0, y0, x1, y1), 1.0)
        for i, (x0, y0, x1, y1) in enumerate(boxes)
        if x1 - x0 > y1 - y0
    ]
    if len(lines) < _MIN_ROWS:
        return quads
    em_px = median(line.box[3] - line.box[1] for line in lines)
    cuts: dict[int, list[_Gap]] = defaultdict(list)
    for seam in _seams([_gapped(pixels, row, em_px) for row in rows(lines)], em_px):
        for gap in seam.cuts(em_px) if seam.is_gutter(em_px) else ():
            if gap.line is not None:
                cuts[gap.line].append(gap)
    parts = [part for i, quad in enumerate(quads) for part in _cut(quad, cuts[i])]
    return np.array(parts, dtype=quads.dtype)


def _gapped(pixels: Pixels, row: Row, em_px: float) -> _GappedRow:
    """The gaps of a row, inside its lines and between them."""
    gaps: list[_Gap] = []
    text: list[tuple[float, float]] = []
    for line in row.lines:
        is_heading = line.box[3] - line.box[1] > _HEADING * em_px
        inked = [line.box[::2]] if is_heading else stretches(pixels, line.box, _MIN_EM * em_px)
        if text:
            gaps.append(_Gap(text[-1][1], inked[0][0], None))
        gaps += [_Gap(left[1], right[0], int(line.text)) for left, right in pairwise(inked)]
        text += inked
    return _GappedRow(text[0][0], text[-1][1], gaps)


def _seams(gapped: Sequence[_GappedRow], em_px: float) -> Iterator[_Seam]:
    """Follow the gaps from row to row. A row that does not reach a gap does not end it."""
    active: list[_Seam] = []
    for row in gapped:
        free = list(row.gaps)
        going = []
        # Long seams choose first: a gutter's gap also touches the ends of word gaps near it.
        for seam in sorted(active, key=lambda seam: -len(seam.gaps)):
            last = seam.gaps[-1]
            found = _continuation(last, free, _SHARED_EM * em_px)
            if found:
                free.remove(found)
                seam.add(found, row)
            if found or row.x1 <= last.x1 or row.x0 >= last.x0:
                going.append(seam)
            else:
                yield seam
        active = going + [_started(gap, row) for gap in free]
    yield from active


def _started(gap: _Gap, row: _GappedRow) -> _Seam:
    seam = _Seam()
    seam.add(gap, row)
    return seam


def _continuation(last: _Gap, gaps: Sequence[_Gap], shared_px: float) -> _Gap | None:
    """The gap of the next row that has most in common with the last one."""
    best, most = None, shared_px
    for gap in gaps:
        shared = min(last.x1, gap.x1) - max(last.x0, gap.x0)
        if shared >= most:
            best, most = gap, shared
    return best


def _cut(quad: Quads, gaps: Sequence[_Gap]) -> Iterator[Quads]:
    """The parts of a line before, between and after gaps, with a rim of white."""
    top_left, top_right, bottom_right, bottom_left = quad
    width = max(float(top_right[0] - top_left[0]), 1.0)
    ends = [0.0]
    for gap in sorted(gaps, key=lambda gap: gap.x0):
        rim = (gap.x1 - gap.x0) / 4
        ends += [(x - float(top_left[0])) / width for x in (gap.x0 + rim, gap.x1 - rim)]
    ends.append(1.0)
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        share = np.clip((start, end), 0, 1)
        if (share[1] - share[0]) * width < 1:
            continue  # a tilted line: the gap lies outside its upper edge
        top = top_left + np.outer(share, top_right - top_left)
        bottom = bottom_left + np.outer(share[::-1], bottom_right - bottom_left)
        yield np.concatenate((top, bottom))
