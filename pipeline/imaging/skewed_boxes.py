"""Boxes around rectangles that lie askew: from one to the other, exactly. Pure.

A line that lies askew is a rectangle; its box, whose sides are those of the page, is larger. Box
and angle say which rectangle it is. Angles are degrees clockwise, below 45 in size; on the page x
is to the right and y down.
"""

from __future__ import annotations

import math

from pipeline.types import Box

Point = tuple[float, float]


def turned(point: Point, deg: float, about: Point = (0.0, 0.0)) -> Point:
    """A point after a clockwise turn."""
    cos, sin = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    x, y = point[0] - about[0], point[1] - about[1]
    return about[0] + x * cos - y * sin, about[1] + x * sin + y * cos


def middle(box: Box) -> Point:
    """The middle of a box, which is that of its rectangle."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def around(center: Point, across: float, down: float, deg: float) -> Box:
    """The box around a rectangle.

    Args:
        center: Its middle.
        across: The side that lies across the page before it is turned.
        down: The other side.
        deg: Its turn.
    """
    cos, sin = math.cos(math.radians(deg)), abs(math.sin(math.radians(deg)))
    x, y = (across * cos + down * sin) / 2, (across * sin + down * cos) / 2
    return center[0] - x, center[1] - y, center[0] + x, center[1] + y


def sides(box: Box, deg: float) -> tuple[float, float]:
    """The sides of the rectangle in a box, across and down; one is not positive if none fits."""
    width, height = box[2] - box[0], box[3] - box[1]
    cos, sin = math.cos(math.radians(deg)), abs(math.sin(math.radians(deg)))
    scale = cos * cos - sin * sin
    return (width * cos - height * sin) / scale, (height * cos - width * sin) / scale


def fits(box: Box, deg: float) -> bool:
    """Whether a rectangle at this angle can have this box."""
    return min(sides(box, deg)) > 0


def straightened(box: Box, deg: float, about: Point) -> Box:
    """Where the rectangle in a box is on the page that is turned back by its angle.

    A box in which there is none keeps its size.
    """
    across, down = sides(box, deg) if fits(box, deg) else sides(box, 0)
    return around(turned(middle(box), -deg, about), across, down, 0)


def slanted(box: Box, deg: float, about: Point) -> Box:
    """The box around a rectangle of the straight page on the one that lies askew."""
    return around(turned(middle(box), deg, about), *sides(box, 0), deg)
