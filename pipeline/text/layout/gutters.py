"""Finds gutters: white strips between lines side by side. Pure and total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.text.layout.page_lines import (
    PIECE_EM,
    Flags,
    Floats,
    Indices,
    PageLines,
    middle_value,
)

_MIN_GUTTER_EM = 0.6
"""Minimum width of a gutter in line heights, in addition to the margins below."""
_MARGIN_EM = 0.3
"""How far a detector's box extends beyond the ink at either end, in line heights."""
_STEP_EM = 0.25
"""Distance between the candidate positions of a gutter, in line heights."""
_MAX_STRIPS = 256
"""Maximum number of candidate positions, about."""
_BESIDE_EM = 0.4
"""Lines whose centres are so close are beside each other, in line heights."""


@dataclass(frozen=True, slots=True)
class Gutter:
    """A white strip and the lines around it.

    Attributes:
        height_px: Height over which there are lines on both sides, px.
        above: The lines above its upper end; all indices are sorted from top to bottom.
        left: The lines on its left.
        right: The lines on its right.
        below: The lines below its lower end.
        left_side: Of the lines on its left those next to it, one for each row.
        right_side: Of the lines on its right those next to it.
    """

    height_px: float
    above: Indices
    left: Indices
    right: Indices
    below: Indices
    left_side: Indices
    right_side: Indices

    @property
    def first(self) -> int:
        """The first line beside it."""
        return int(min(self.left[0], self.right[0]))

    @property
    def last(self) -> int:
        """The last line beside it."""
        return int(max(self.left[-1], self.right[-1]))

    @property
    def is_whole(self) -> bool:
        """Whether no line of the region is above or below it."""
        return not len(self.above) and not len(self.below)


def gutters(page: PageLines, region: Indices, limit: int) -> list[Gutter]:
    """The tallest white strips with at least two lines on either side, the tallest first.

    Among equally tall ones the one with most lines is first. A strip ends at the rows that cross
    it.

    Args:
        page: The lines of the page.
        region: The lines of a part of it.
        limit: Maximum number of strips.
    """
    if len(region) < 4:
        return []
    is_left, is_right = _sides_of_strips(page, region)
    if not len(is_left):
        return []
    middle = page.middle[region]
    strips, starts, ends = _uncrossed_runs(~(is_left | is_right), middle, page.em_px)
    lefts = _counts(is_left)
    left_count = lefts[strips, ends] - lefts[strips, starts]
    enough = (left_count >= 2) & (left_count <= ends - starts - 2)
    strips, starts, ends, left_count = (
        values[enough] for values in (strips, starts, ends, left_count)
    )
    if not len(strips):
        return []
    height = _shared_height(is_left, middle, strips, starts, ends)
    order = np.lexsort((strips, left_count, starts - ends, -height))
    found: list[Gutter] = []
    last = None
    for i in order.tolist():
        key = (starts[i], ends[i], left_count[i])
        if height[i] <= 0 or len(found) == limit:
            break
        if key != last:
            flags = is_left[strips[i], starts[i] : ends[i]]
            gutter = _gutter(page, region, int(starts[i]), int(ends[i]), flags, height[i])
            if not _is_between_pieces(page, gutter):
                found.append(gutter)
        last = key
    return found


def _sides_of_strips(page: PageLines, region: Indices) -> tuple[Flags, Flags]:
    """For each candidate position, flags of the lines to its left and to its right.

    Returns:
        Two arrays of shape (positions, lines).
    """
    x0, x1 = page.x0[region], page.x1[region]
    margin = np.minimum(_MARGIN_EM * page.em_px, (x1 - x0) / 4)
    x0, x1 = x0 + margin, x1 - margin
    # Beyond these no line is on the right.
    ends = np.sort(x1[x1 <= x0.max() - _MIN_GUTTER_EM * page.em_px])
    if not len(ends):
        none = np.zeros((0, len(region)), np.bool_)
        return none, none
    step = max(_STEP_EM * page.em_px, float(ends[-1] - ends[0]) / _MAX_STRIPS)
    # Of ends closer than the step only the last is a candidate.
    places = np.floor(ends / step)
    edges = ends[np.append(places[1:] > places[:-1], True)][:, np.newaxis]
    return x1 <= edges, x0 >= edges + _MIN_GUTTER_EM * page.em_px


def _counts(flags: Flags) -> Indices:
    """How many flags are set before each place of a row, shape (rows, places + 1)."""
    found = np.zeros((flags.shape[0], flags.shape[1] + 1), np.intp)
    np.cumsum(flags, axis=1, out=found[:, 1:])
    return found


def _uncrossed_runs(
    crosses: Flags, middle: Floats, em_px: float
) -> tuple[Indices, Indices, Indices]:
    """The runs of lines between rows that cross a strip: strips, starts and ends."""
    counts = _counts(crosses)
    first = np.searchsorted(middle, middle - _BESIDE_EM * em_px)
    last = np.searchsorted(middle, middle + _BESIDE_EM * em_px, "right")
    ends = np.ones((crosses.shape[0], crosses.shape[1] + 2), np.bool_)
    ends[:, 1:-1] = counts[:, last] > counts[:, first]
    places = np.flatnonzero(ends)
    long = np.flatnonzero(places[1:] - places[:-1] > 4)
    strips, starts = np.divmod(places[long], ends.shape[1])
    return strips, starts, places[long + 1] - strips * ends.shape[1] - 1


def _shared_height(
    is_left: Flags, middle: Floats, strips: Indices, starts: Indices, ends: Indices
) -> Floats:
    """The height over which runs of lines have lines on both sides of their strips."""
    places = np.arange(is_left.shape[1])
    bottoms = [
        np.maximum.accumulate(np.where(side, places, -1), axis=1)[strips, ends - 1]
        for side in (is_left, ~is_left)
    ]
    tops = [
        np.minimum.accumulate(np.where(side, places, len(places))[:, ::-1], axis=1)[:, ::-1][
            strips, starts
        ]
        for side in (is_left, ~is_left)
    ]
    height: Floats = middle[np.minimum(*bottoms)] - middle[np.maximum(*tops)]
    return height


def _gutter(
    page: PageLines, region: Indices, start: int, end: int, is_left: Flags, height_px: float
) -> Gutter:
    beside = region[start:end]
    left, right = beside[is_left], beside[~is_left]
    on_left, on_right = _among(page, left), _among(page, right)
    return Gutter(
        float(height_px),
        region[:start],
        left,
        right,
        region[end:],
        left[~on_left[page.after[left]]],
        right[~on_right[page.before[right]]],
    )


def _is_between_pieces(page: PageLines, gutter: Gutter) -> bool:
    """Whether what is on both sides are pieces of the same lines, which by chance end together."""
    after = page.after[gutter.left_side]
    is_beside = _among(page, gutter.right_side)[after]
    if not is_beside.any():
        return False
    gaps = page.x0[after[is_beside]] - page.x1[gutter.left_side[is_beside]]
    return middle_value(gaps) <= PIECE_EM * page.em_px


def right_ends(page: PageLines, lines: Indices) -> Indices:
    """The last line of each row: those next to a gutter on their right."""
    return lines[~_among(page, lines)[page.after[lines]]]


def left_ends(page: PageLines, lines: Indices) -> Indices:
    """The first line of each row: those next to a gutter on their left."""
    return lines[~_among(page, lines)[page.before[lines]]]


def _among(page: PageLines, lines: Indices) -> Flags:
    """For each line of the page, whether it is among some; False at index -1."""
    flags = np.zeros(len(page.lines) + 1, np.bool_)
    flags[lines] = True
    return flags
