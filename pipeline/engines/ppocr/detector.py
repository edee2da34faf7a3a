"""Finds the lines of a page, at the resolution that its text needs.

The detector's work grows with the area of its input. So it sees the part of a page that has ink
alone, at a resolution that the height of the letters there tells: lines of 10 points are bounded as
well at 115 dpi as at 150, smaller ones are not, and a line whose box is a pixel off is read worse.
Where lines that were found are small all the same, or none were found, the page is looked at again
at its full resolution, and then its parts with ink. The lines themselves are read at full
resolution.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.engines.ppocr.inked import ink_box, ink_parts, letter_height
from pipeline.engines.ppocr.split_columns import Quads
from pipeline.types import Pixels

_COARSE_PX: Final = 1312
"""Longest side of the page in the image that is looked at first: a Letter or A4 page at about 115
dpi."""
_MIN_LETTER_PX: Final = 7.7
"""Height of small letters in that image below which it is too coarse ..."""
_LETTER_PX: Final = 9.0
"""... and in the image that is looked at then, if the page has as much."""
_SMALL_PX: Final = 17.0
"""Height of a line's box in the image below which it is too small for it: at 14 px the words F1 of
a page of tables was .95 and at full resolution .98, at 20 px there was no difference."""
_SMALL_PERCENTILE: Final = 20
"""The percentile of the lines' heights that is compared with it."""
_MAX_PART: Final = 0.3
"""A part of more than this share of the inked box is much like all of it."""
_MIN_ASPECT: Final = 1.5
"""Width by height of what counts as a word there: squares and scrawls are not read."""
_GRID_PX: Final = 32
"""The network's input has sides of a multiple of this."""
_MARGIN_PX: Final = 24
"""White around the ink that is left to the detector, in pixels of its input."""


def find_lines(model: Any, image: Pixels) -> Quads:
    """The corners of the lines, from top to bottom.

    Args:
        model: RapidOCR's detector.
        image: BGR, (height, width, 3).

    Returns:
        Clockwise from the top left, pixels of the image; none where there is no text.
    """
    import cv2

    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    inked = ink_box(grey)
    if inked is None:
        return _NONE
    scale = _scale(grey)
    quads = _find(model, image, inked, scale)
    if scale < 1 and (not len(quads) or _is_small(quads, scale)):
        quads = _find(model, image, inked, 1.0)
    return quads if len(quads) else _in_parts(model, image, grey, _area(inked))


def _in_parts(model: Any, image: Pixels, grey: npt.NDArray[np.uint8], inked_px: int) -> Quads:
    """The lines in the small parts of a page that have ink, each alone.

    In a page that is almost white the network does not find a single word; in its surroundings it
    does.
    """
    parts = [part for part in ink_parts(grey) if _area(part) <= _MAX_PART * inked_px]
    found = [_find(model, image, part, 1.0) for part in parts]
    quads = np.concatenate([_NONE, *found])
    quads = quads[_aspects(quads) >= _MIN_ASPECT]
    return quads[np.argsort(quads[:, :, 1].min(axis=1), kind="stable")]


def _aspects(quads: Quads) -> npt.NDArray[np.float32]:
    heights = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    widths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    return np.asarray(widths / np.maximum(heights, 1.0), np.float32)


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


_NONE: Final = np.empty((0, 4, 2), np.float32)


def _scale(grey: npt.NDArray[np.uint8]) -> float:
    """The scale at which a page is looked at first, at most 1."""
    height_px, width_px = grey.shape
    coarse = _COARSE_PX / max(height_px, width_px)
    letters_px = letter_height(grey) if coarse < 1 else None
    if letters_px is not None and letters_px * coarse < _MIN_LETTER_PX:
        return float(min(1.0, _LETTER_PX / letters_px))
    return float(min(1.0, coarse))


def _is_small(quads: Quads, scale: float) -> bool:
    """Whether lines that were found in a scaled image are too small to be found well in it."""
    heights = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    widths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    shorter = np.minimum(heights, widths) * scale
    return float(np.percentile(shorter, _SMALL_PERCENTILE)) < _SMALL_PX


def _find(model: Any, image: Pixels, inked: tuple[int, int, int, int], scale: float) -> Quads:
    """The lines in a part of an image, in pixels of the whole image."""
    height_px, width_px = image.shape[:2]
    left, right = _widened(inked[0], inked[2], width_px, scale)
    top, bottom = _widened(inked[1], inked[3], height_px, scale)
    part = image[top:bottom, left:right]
    probabilities = model.session(network_input(part, scale))
    quads, _ = model.postprocess_op(probabilities, part.shape[:2])
    if not len(quads):
        return _NONE
    return np.asarray(model.sorted_boxes(quads), np.float32) + np.array((left, top), np.float32)


def _widened(start: int, end: int, side_px: int, scale: float) -> tuple[int, int]:
    """A stretch of a side with white around it, so long that its scaled length fits the grid."""
    margin_px = _MARGIN_PX / scale
    wanted = math.ceil((end - start + 2 * margin_px) * scale / _GRID_PX) * _GRID_PX / scale
    if wanted >= side_px:
        return 0, side_px
    first = round(min(max(0.0, (start + end - wanted) / 2), side_px - wanted))
    return first, min(side_px, first + round(wanted))


def network_input(image: Pixels, scale: float) -> npt.NDArray[np.float32]:
    """An image as the network takes it: (1, 3, height, width), -1 to 1."""
    import cv2

    sides = (max(1, round(side * scale / _GRID_PX)) * _GRID_PX for side in image.shape[:2])
    height_px, width_px = sides
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (width_px, height_px), interpolation=way)
    result = np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)
    result *= 1 / 127.5
    result -= 1
    return result
