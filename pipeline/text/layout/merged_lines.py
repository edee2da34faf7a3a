"""Finds lines that a detector drew across a gutter, and ends them there. Pure and total.

One line across the gutter between two columns, with the usual pitch to the lines of both columns
above and below, is no heading: it is a line of each, read as one. As to the order it belongs to the
column on the left; if it ended the gutter, the columns would be read in two halves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.intp]

_WIDE = 1.3
"""Minimum width of such a line, in median widths of lines."""
_MAX_WIDE = 64
"""A page with more wide lines has text across the columns."""
_MAX_HEIGHT = 1.3
"""Maximum height, in usual heights: headings are higher."""
_NEAR_EM = 4.0
"""Lines around it that show the gutter, in line heights above and below."""
_MAX_AROUND = 256
"""With more of them there are cells or labels around it, not two columns."""
_PITCH_EM = 1.8
"""Maximum distance to the next lines of both columns, in line heights."""
_MIN_AROUND = 4
"""Minimum lines of each column around it."""
_MARGIN_EM = 0.3
"""How far a box extends beyond the ink at either end, in line heights."""
_MIN_GUTTER_EM = 0.6
"""Minimum width of a gutter without these margins, in line heights."""
_FLUSH_EM = 2.5
"""Maximum distance of the line's left edge from that of the left column, in line heights."""


def ended_at_gutters(x0: _Floats, y0: _Floats, x1: _Floats, y1: _Floats, em_px: float) -> _Floats:
    """The right edges of the lines, those across a gutter ended at it.

    Args:
        x0: Left edges, of lines that are sorted by their vertical centres.
        y0: Tops.
        x1: Right edges.
        y1: Bottoms.
        em_px: The usual height of a line.
    """
    width = x1 - x0
    if len(width) < 2 * _MIN_AROUND:
        return x1
    is_wide = width >= _WIDE * float(np.median(width))
    usual = np.flatnonzero(is_wide & (y1 - y0 <= _MAX_HEIGHT * em_px))
    if not 0 < len(usual) <= _MAX_WIDE:
        return x1
    ended, middle = x1.copy(), (y0 + y1) / 2
    for i in usual.tolist():
        first, last = np.searchsorted(middle, middle[i] + np.array((-1, 1)) * _NEAR_EM * em_px)
        around = np.arange(first, last)
        around = around[(x0[around] < x1[i]) & (x1[around] > x0[i])]
        if len(around) <= _MAX_AROUND:
            ended[i] = _end(x0, x1, middle, i, around[around != i], em_px)
    return ended


def _end(
    x0: _Floats, x1: _Floats, middle: _Floats, i: int, around: _Indices, em_px: float
) -> float:
    """Where the gutter is that line `i` crosses, between the lines around it; its own end if none.

    Of the lines next to it one may cross the gutter, too: two lines of the usual pitch and the full
    width are rarely a text of their own.
    """
    margin, pitch = _MARGIN_EM * em_px, _PITCH_EM * em_px
    down = middle[around] - middle[i]
    for edge in np.unique(x1[around[x1[around] < x1[i]]]).tolist():
        is_left = x1[around] <= edge + margin
        is_right = x0[around] >= edge - 2 * margin + _MIN_GUTTER_EM * em_px
        crossing = down[~(is_left | is_right)]
        next_to = crossing[np.abs(crossing) <= pitch]
        sides = around[is_left], around[is_right]
        if len(next_to) > 1 or min(map(len, sides)) < _MIN_AROUND:
            continue
        reach = tuple((1 + int((sign * next_to > 0).sum())) * pitch for sign in (-1, 1))
        if _are_columns(x0, x1, middle, i, sides, reach, _FLUSH_EM * em_px):
            return float(x1[sides[0]].max())
    return float(x1[i])


def _are_columns(
    x0: _Floats,
    x1: _Floats,
    middle: _Floats,
    i: int,
    sides: tuple[_Indices, _Indices],
    reach_px: tuple[float, ...],
    flush_px: float,
) -> bool:
    """Whether lines on both sides are columns above and below `i`, which begins flush left.

    Where it is the first or last line of both, it ends flush right, too.

    Args:
        x0: Left edges of all lines.
        x1: Right edges.
        middle: Vertical centres.
        i: The line.
        sides: The lines around it on the left and on the right of the gutter.
        reach_px: How far above and below it their next lines may be.
        flush_px: Tolerance of edges.
    """
    directions, is_near = 0, [False, False]
    for sign, limit_px in zip((-1, 1), reach_px, strict=True):
        down = [sign * (middle[side] - middle[i]) for side in sides]
        ahead = [values[values > 0] for values in down]
        if not any(map(len, ahead)):
            continue
        near = [bool(len(values) and values.min() <= limit_px) for values in ahead]
        if not any(near):
            return False
        is_near = [before or now for before, now in zip(is_near, near, strict=True)]
        directions += 1
    if not all(is_near):
        return False
    left, right = sides
    if abs(float(np.median(x0[left])) - float(x0[i])) > flush_px:
        return False
    # One of the others may cross a gutter of its own.
    return directions == 2 or float(np.abs(x1[right] - x1[i]).min()) <= flush_px
