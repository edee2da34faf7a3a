"""Places in and around a line that lies askew, from its box and its angle. Pure.

`direction_deg` is where the line runs: 0, 90, 180 or 270 degrees clockwise; `skew_deg` is how far
clockwise from there it lies.
"""

from __future__ import annotations

import math

from pipeline.imaging.skewed_boxes import Point, around, middle, sides, turned
from pipeline.types import Box


def part(box: Box, direction_deg: int, skew_deg: float, begin: float, end: float) -> Box:
    """The box of a stretch of a line, from 0 at its beginning to 1 at its end."""
    length, height = size(box, direction_deg, skew_deg)
    center = _in_line(box, direction_deg + skew_deg, ((begin + end - 1) / 2 * length, 0.0))
    extent = (end - begin) * length, height
    return around(center, *(extent[::-1] if direction_deg % 180 else extent), skew_deg)


def corners(box: Box, direction_deg: int, skew_deg: float) -> tuple[Point, ...]:
    """The corners of a line, clockwise from the upper one at its beginning."""
    length, height = size(box, direction_deg, skew_deg)
    ends = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    deg = direction_deg + skew_deg
    return tuple(_in_line(box, deg, (x * length / 2, y * height / 2)) for x, y in ends)


def baseline_ends(
    box: Box, direction_deg: int, skew_deg: float, descent: float
) -> tuple[Point, Point]:
    """Where a line's baseline begins and ends.

    Args:
        box: The line's box.
        direction_deg: Where it runs.
        skew_deg: How far clockwise from there it lies.
        descent: The part of its height that is below its baseline.
    """
    length, height = size(box, direction_deg, skew_deg)
    deg, down = direction_deg + skew_deg, (0.5 - descent) * height
    return _in_line(box, deg, (-length / 2, down)), _in_line(box, deg, (length / 2, down))


def baseline(box: Box, direction_deg: int, skew_deg: float, descent: float) -> tuple[float, float]:
    """A line's baseline as y = slope x + constant, in its direction and with y down.

    The origin is the corner of its box that is the lower left one in its direction, as in hOCR.
    """
    width, height = sides(box, 0)
    if direction_deg % 180:
        width, height = height, width
    x, y = turned((0.0, (0.5 - descent) * size(box, direction_deg, skew_deg)[1]), skew_deg)
    slope = math.tan(math.radians(skew_deg))
    return slope, y - height / 2 - slope * (width / 2 + x)


def size(box: Box, direction_deg: int, skew_deg: float) -> tuple[float, float]:
    """The length and the height of a line."""
    across, down = sides(box, skew_deg)
    return (down, across) if direction_deg % 180 else (across, down)


def _in_line(box: Box, deg: float, offset: Point) -> Point:
    """A point of the page, given along the line and across it from its middle."""
    (x, y), (right, down) = middle(box), turned(offset, deg)
    return x + right, y + down
