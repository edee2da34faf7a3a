"""Pictures of a page as one image, one after the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from pipeline.imaging.transform import Allocator
from pipeline.types import Pixels

GAP_PX: Final = 24
"""White space between two pictures: that between paragraphs, so that no lines of two are joined."""
_WHITE: Final = 255


def stack(
    pictures: Sequence[Pixels], axis: int, allocate: Allocator
) -> tuple[Pixels, list[tuple[int, int]]]:
    """The pictures below each other, or side by side, on white.

    Args:
        pictures: At least one, RGB, uint8, each of shape (height, width, 3).
        axis: 0: below each other, 1: side by side.
        allocate: Returns the array for the image.

    Returns:
        The image, and the left and upper edge of each picture in it.
    """
    lengths = [picture.shape[axis] + GAP_PX for picture in pictures]
    starts = [0, *accumulate(lengths)][:-1]
    along = sum(lengths) - GAP_PX
    across = max(picture.shape[1 - axis] for picture in pictures)
    image = allocate(along, across) if axis == 0 else allocate(across, along)
    image[:] = _WHITE
    corners = [(0, start) if axis == 0 else (start, 0) for start in starts]
    for picture, (left, top) in zip(pictures, corners, strict=True):
        height_px, width_px = picture.shape[:2]
        image[top : top + height_px, left : left + width_px] = picture
    return image, corners
