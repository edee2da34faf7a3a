"""Quarter turns of pages: of their pixels and of boxes on them. Pure.

A turn is in degrees clockwise: the rotation of the page as displayed that makes its text upright.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.types import Box, Pixels

TURNS: Final = (0, 90, 180, 270)


def turn_pixels(pixels: Pixels, deg: int) -> Pixels:
    """The image rotated clockwise; the same array for 0."""
    if not deg:
        return pixels
    return np.ascontiguousarray(np.rot90(pixels, k=-deg // 90))


def turn_size(width_px: int, height_px: int, deg: int) -> tuple[int, int]:
    """Width and height of an image after a turn."""
    return (height_px, width_px) if deg % 180 else (width_px, height_px)


def turn_box(box: Box, width_px: float, height_px: float, deg: int) -> Box:
    """The position of a box after a clockwise turn of its page, given the size before it."""
    x0, y0, x1, y1 = box
    if deg == 90:
        return height_px - y1, x0, height_px - y0, x1
    if deg == 180:
        return width_px - x1, height_px - y1, width_px - x0, height_px - y0
    if deg == 270:
        return y0, width_px - x1, y1, width_px - x0
    return box


def turn_back(box: Box, width_px: float, height_px: float, deg: int) -> Box:
    """The inverse of `turn_box`: width and height are those of the turned page."""
    return turn_box(box, width_px, height_px, -deg % 360)
