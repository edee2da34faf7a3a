"""Boxes that do not overlap, for formats whose readers expect that. Pure.

Engines draw the box of a line with a margin around its ink, and lines that are set tight overlap by
these margins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.types import Box

_MAX_SHARE: Final = 0.5
"""Boxes that share more than this of the smaller one, across, stay as they are: they were found
on top of each other."""


def apart(boxes: Sequence[Box]) -> list[Box]:
    """The boxes, cut in the middle of where two of them overlap.

    Args:
        boxes: Boxes of a page, in any order and of any direction.

    Returns:
        The boxes in the same order.
    """
    made = [list(box) for box in boxes]
    order = sorted(range(len(boxes)), key=lambda number: boxes[number][1])
    for at, first in enumerate(order):
        left, _, right, bottom = boxes[first]
        for place in range(at + 1, len(order)):
            second = order[place]
            box = boxes[second]
            if box[1] >= bottom:
                break  # those that follow begin further below
            if box[0] < right and box[2] > left:  # as few do
                _cut((boxes[first], box), (made[first], made[second]))
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in made]


def _cut(found: tuple[Box, Box], made: tuple[list[float], list[float]]) -> None:
    """Cut two boxes in the direction in which they share less, if they share anything.

    A box loses a quarter of its side at most, however many others it overlaps.
    """
    share, axis = min((_share(*found, axis), axis) for axis in (0, 1))
    if not 0 < share <= _MAX_SHARE:
        return
    is_first_low = sum(found[0][axis::2]) <= sum(found[1][axis::2])
    low, high = (0, 1) if is_first_low else (1, 0)
    middle = (found[low][axis + 2] + found[high][axis]) / 2
    made[low][axis + 2] = min(made[low][axis + 2], middle)
    made[high][axis] = max(made[high][axis], middle)


def _share(one: Sequence[float], other: Sequence[float], axis: int) -> float:
    """The part of the smaller box that the other one covers along an axis, 0 where it is apart."""
    shared = min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])
    smaller = min(one[axis + 2] - one[axis], other[axis + 2] - other[axis])
    return shared / smaller if shared > 0 and smaller > 0 else 0.0
