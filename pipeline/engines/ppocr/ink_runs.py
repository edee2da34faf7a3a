"""Where in the box of a line the ink is. Pure.

A detector's box has a rim of white whose width varies from line to line, by more than the
width of a narrow gutter.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import Box, Pixels

_EDGE = 0.15
"""Part of a box at its top and at its bottom into which the next rows may reach."""
_CONTRAST = 0.35
"""Difference from the paper that makes ink, as a part of the line's contrast."""
_MIN_CONTRAST = 24
"""Lines with less contrast than this (of 255) are left as they are."""
_MAX_RIM_EM = 1.0
"""White that may be cut off either end, in heights of the line."""


def stretches(pixels: Pixels, box: Box, max_gap_px: float) -> list[tuple[float, float]]:
    """The stretches of a line that have ink, from left to right, at least one.

    Args:
        pixels: The image, (height, width, 3).
        box: The line's box in it.
        max_gap_px: White space of up to this width belongs to a stretch.

    Returns:
        The left and the right end of each, px. The ends of the box where there is no telling.
    """
    x0, y0, x1, y1 = (max(0, round(side)) for side in box)
    edge = round(_EDGE * (y1 - y0))
    grey = pixels[y0 + edge : y1 - edge, x0:x1].mean(axis=2)
    if not grey.size:
        return [(box[0], box[2])]
    low, paper, high = np.percentile(grey, (2, 50, 98))
    contrast = float(high - low)
    columns = np.flatnonzero((np.abs(grey - paper) > _CONTRAST * contrast).any(axis=0))
    if contrast < _MIN_CONTRAST or not len(columns):
        return [(box[0], box[2])]
    breaks = np.flatnonzero(np.diff(columns) > max(max_gap_px, 1))
    starts = columns[np.concatenate(([0], breaks + 1))] + x0
    ends = columns[np.concatenate((breaks, [len(columns) - 1]))] + 1 + x0
    return [(float(a), float(b)) for a, b in zip(starts, ends, strict=True)]


def tight(pixels: Pixels, box: Box) -> Box:
    """The box of a line without the white at its left and right end."""
    x0, y0, x1, y1 = box
    if y1 - y0 >= x1 - x0:
        return box
    ends = stretches(pixels, box, x1 - x0)[0]
    rim = _MAX_RIM_EM * (y1 - y0)
    return min(max(x0, ends[0]), x0 + rim), y0, max(min(x1, ends[1]), x1 - rim), y1
