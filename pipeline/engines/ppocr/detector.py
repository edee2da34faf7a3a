"""Finds the lines of a page, at the resolution that its text needs.

The detector's work grows with the area of its input. Lines of 10 points are bounded as well at 115
dpi as at 150, smaller ones are not, and a line whose box is a pixel off is read worse: a page is
looked at coarsely, and again at its full resolution where what was found is small. The lines
themselves are read at full resolution.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.engines.ppocr.split_columns import Quads
from pipeline.types import Pixels

_COARSE_PX: Final = 1312
"""Longest side of the image that is looked at first: a Letter or A4 page at about 115 dpi."""
_SMALL_PX: Final = 17.0
"""Height of a line's box in the coarse image below which it is too small for it: at 14 px the words
F1 of a page of tables was .95 and at full resolution .98, at 20 px there was no difference."""
_SMALL_PERCENTILE: Final = 20
"""The percentile of the lines' heights that is compared with it."""
_GRID_PX: Final = 32
"""The network's input has sides of a multiple of this."""


def find_lines(model: Any, image: Pixels) -> Quads:
    """The corners of the lines, from top to bottom.

    Args:
        model: RapidOCR's detector.
        image: BGR, (height, width, 3).

    Returns:
        Clockwise from the top left, pixels of the image; none where there is no text.
    """
    height_px, width_px = image.shape[:2]
    scale = min(1.0, _COARSE_PX / max(height_px, width_px))
    quads = _find(model, image, scale)
    if scale < 1 and (not len(quads) or _is_small(quads, scale)):
        return _find(model, image, 1.0)
    return quads


def _is_small(quads: Quads, scale: float) -> bool:
    """Whether lines that were found in a scaled image are too small to be found well in it."""
    heights = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    widths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    shorter = np.minimum(heights, widths) * scale
    return float(np.percentile(shorter, _SMALL_PERCENTILE)) < _SMALL_PX


def _find(model: Any, image: Pixels, scale: float) -> Quads:
    probabilities = model.session(network_input(image, scale))
    quads, _ = model.postprocess_op(probabilities, image.shape[:2])
    if not len(quads):
        return np.empty((0, 4, 2), np.float32)
    return np.asarray(model.sorted_boxes(quads), np.float32)


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
