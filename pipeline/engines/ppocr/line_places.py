"""The box of a line, without the white at its ends, and where its words begin. Pure.

In a line that lies askew both are looked for in what the recogniser saw, which lies straight: its
box on the page has ink of the lines above and below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.engines.ppocr.ink_runs import tight
from pipeline.engines.ppocr.word_places import word_starts
from pipeline.imaging.skewed_boxes import around, turned
from pipeline.types import Box, Pixels

Place = tuple[Box, tuple[float, ...]]


def place(
    page: Pixels,
    quad: npt.NDArray[np.floating],
    deg: float,
    crop: Pixels,
    breaks: Sequence[float],
) -> Place:
    """The box of a line and where its words begin (`Line.word_starts`).

    Args:
        page: The image, (height, width, 3).
        quad: The line's corners in it, clockwise from the top left: (4, 2).
        deg: The angle at which it lies, 0 for a straight one.
        crop: What the recogniser saw of it.
        breaks: Where about words part, as shares of that (`Reading.breaks`).
    """
    if deg:
        return _askew(quad, deg, crop, breaks)
    (x0, y0), (x1, y1) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    box = tight(page, (x0, y0, x1, y1))
    return box, word_starts(page, box, (x0, x1), breaks)


def _askew(
    quad: npt.NDArray[np.floating], deg: float, crop: Pixels, breaks: Sequence[float]
) -> Place:
    top_left, top_right, bottom_right, bottom_left = quad
    across = float(np.linalg.norm(top_right - top_left + bottom_right - bottom_left)) / 2
    down = float(np.linalg.norm(bottom_left - top_left + bottom_right - top_right)) / 2
    x, y = quad.mean(axis=0).tolist()
    if down >= across:
        return around((x, y), across, down, deg), ()
    height_px, width_px = crop.shape[:2]
    seen = tight(crop, (0.0, 0.0, float(width_px), float(height_px)))
    begin, end = seen[0] / width_px, seen[2] / width_px
    middle = turned((((begin + end) / 2 - 0.5) * across, 0.0), deg)
    box = around((x + middle[0], y + middle[1]), (end - begin) * across, down, deg)
    return box, word_starts(crop, seen, (0.0, float(width_px)), breaks)
