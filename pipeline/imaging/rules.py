"""Straight lines in a part of a picture, such as those of a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.types import Box, Pixels

_DARKER: Final = 40
"""Least difference of a line from the paper, levels of grey."""
_LONG: Final = 0.05
"""Minimum length, as a share of the picture's longer side: 0.6 inches of a Letter page. No stroke
of a letter is that long."""
_WHOLE: Final = 0.97
"""Minimum share of dark pixels along a line."""
_THICK: Final = 0.005
"""Maximum thickness, as a share of the picture's longer side; what is thicker is an area, whose
edges are lines."""

Flags = npt.NDArray[np.bool_]


def find_rules(pixels: Pixels, box: Box) -> list[Box]:
    """The horizontal and vertical lines in a part of a picture.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        box: The part.

    Returns:
        Their boxes in the picture.
    """
    height_px, width_px = pixels.shape[:2]
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    part = pixels[top : min(height_px, int(box[3]) + 1), left : min(width_px, int(box[2]) + 1)]
    if not part.size:
        return []
    grey = part.mean(axis=2, dtype=np.float32)
    is_dark = grey < np.median(grey) - _DARKER
    long_px, thick_px = (
        max(2, round(share * max(height_px, width_px))) for share in (_LONG, _THICK)
    )
    found = [
        (left + x0, top + y0, left + x1, top + y1)
        for x0, y0, x1, y1 in _horizontal(is_dark, long_px, thick_px)
    ]
    found += [
        (left + x0, top + y0, left + x1, top + y1)
        for y0, x0, y1, x1 in _horizontal(is_dark.T, long_px, thick_px)
    ]
    return found


def _horizontal(is_dark: Flags, long_px: int, thick_px: int) -> Iterator[Box]:
    """The horizontal lines, and the upper and lower edges of areas, as boxes."""
    if is_dark.shape[1] < long_px:
        return
    sums = np.cumsum(is_dark, axis=1, dtype=np.int32)
    sums = np.concatenate([np.zeros((len(sums), 1), np.int32), sums], axis=1)
    is_whole = sums[:, long_px:] - sums[:, :-long_px] >= _WHOLE * long_px
    levels = np.flatnonzero(is_whole.any(axis=1))
    for group in np.split(levels, np.flatnonzero(np.diff(levels) > 1) + 1):
        if not len(group):
            continue
        starts = np.flatnonzero(is_whole[group].any(axis=0))
        left, right = float(starts[0]), float(starts[-1] + long_px)
        top, bottom = float(group[0]), float(group[-1] + 1)
        if len(group) <= thick_px:
            yield left, top, right, bottom
        else:  # a coloured row
            yield left, top, right, top + 1
            yield left, bottom - 1, right, bottom
