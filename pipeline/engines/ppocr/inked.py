"""Where a page has ink, and how high its letters are, before anything is detected. Pure.

Both are found in a few milliseconds, from edges and from connected components: they tell what part
of a page the detector has to see, and at which resolution.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_BLOCK_PX: Final = 8
"""Side of the blocks of which each has ink or none."""
_NEAR_BLOCKS: Final = 4
"""Blocks with ink that are so near on one line are one part of the page."""
_MIN_PART_BLOCKS: Final = 2
"""A part that is lower, or not wider, is a speck."""
_MAX_PARTS: Final = 6
_MIN_RANGE: Final = 16
"""Difference of levels within a block that is ink, of 255: as for blank pages (`imaging.ink`)."""
_PAPER_PX: Final = 15
"""Ink is darker than the lightest pixels this near: the paper may have shades."""
_CONTRAST: Final = 40
"""How much darker, of 255."""
_HEIGHT_PX: Final = (4, 80)
"""Heights of connected components that may be letters: smaller ones are dots, larger ones drawings.
"""
_MAX_ASPECT: Final = 3.0
"""Width of a letter by its height: rules and words in bold that run together have more."""
_MIN_WIDTH_PX: Final = 2
_MIN_LETTERS: Final = 40
"""Fewer components say nothing."""
_PERCENTILE: Final = 40
"""The percentile of the heights that counts as the x-height: specks and full stops are below."""

Levels = npt.NDArray[np.uint8]
"""Grey, shape (height, width)."""


def ink_box(grey: Levels) -> tuple[int, int, int, int] | None:
    """The smallest box of whole blocks that has all ink of a page.

    Args:
        grey: The page, of any size.

    Returns:
        Left, top, right and bottom, px inside the page; None where there is no ink.
    """
    height_px, width_px = grey.shape
    has_ink = _inked_blocks(grey)
    rows, columns = np.flatnonzero(has_ink.any(axis=1)), np.flatnonzero(has_ink.any(axis=0))
    if not len(rows):
        return None
    right, bottom = (_BLOCK_PX * (int(found[-1]) + 1) for found in (columns, rows))
    left, top = _BLOCK_PX * int(columns[0]), _BLOCK_PX * int(rows[0])
    return left, top, min(right, width_px), min(bottom, height_px)


def ink_parts(grey: Levels) -> list[tuple[int, int, int, int]]:
    """The boxes of the parts of a page with most ink, those of words and more, most ink first.

    Args:
        grey: The page, of any size.
    """
    import cv2

    has_ink = _inked_blocks(grey).view(np.uint8)
    near = np.ones((1, 2 * _NEAR_BLOCKS + 1), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(has_ink, near))
    height_px, width_px = grey.shape
    ink = np.bincount(labels.ravel(), weights=has_ink.ravel())
    found: list[tuple[float, tuple[int, int, int, int]]] = []
    for label, (x, y, width, height, _) in enumerate(stats.tolist()[1:], 1):
        if height >= _MIN_PART_BLOCKS and width - 2 * _NEAR_BLOCKS > _MIN_PART_BLOCKS:
            right, bottom = min(width_px, _BLOCK_PX * (x + width)), _BLOCK_PX * (y + height)
            box = (_BLOCK_PX * x, _BLOCK_PX * y, right, min(height_px, bottom))
            found.append((float(ink[label]), box))
    return [box for _, box in sorted(found, reverse=True)[:_MAX_PARTS]]


def _inked_blocks(grey: Levels) -> npt.NDArray[np.bool_]:
    """Which blocks of a page have ink."""
    import cv2

    below, beside = (-side % _BLOCK_PX for side in grey.shape)
    whole = cv2.copyMakeBorder(grey, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    around = np.ones((_BLOCK_PX + 1, _BLOCK_PX + 1), np.uint8)
    ranges = cv2.morphologyEx(whole, cv2.MORPH_GRADIENT, around)
    inked: npt.NDArray[np.bool_] = (
        ranges[_BLOCK_PX // 2 :: _BLOCK_PX, _BLOCK_PX // 2 :: _BLOCK_PX] >= _MIN_RANGE
    )
    return inked


def letter_height(grey: Levels) -> float | None:
    """About the height of small letters without ascenders, px; None where there is no telling.

    Args:
        grey: The page, dark on light; of any size.
    """
    import cv2

    near = np.ones((_PAPER_PX, _PAPER_PX), np.uint8)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, near)
    ink = (dark >= _CONTRAST).view(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    widths, heights = stats[1:, 2], stats[1:, 3]
    low, high = _HEIGHT_PX
    is_letter = (heights >= low) & (heights <= high)
    is_letter &= (widths >= _MIN_WIDTH_PX) & (widths <= _MAX_ASPECT * heights)
    if is_letter.sum() < _MIN_LETTERS:
        return None
    return float(np.percentile(heights[is_letter], _PERCENTILE))
