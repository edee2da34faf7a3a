"""Pictures and straight lines that a PDF page draws, from the log of its drawing operations.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.types import Box

_THIN_PT: Final = 2.5
"""Maximum thickness of a straight line, points."""
_LONG_PT: Final = 8.0
"""Minimum length of a straight line, points: the height of a table's row."""
_PICTURE_PT: Final = 36.0
"""Minimum side of a picture, points; smaller ones are bullets and icons."""
_MAX_RULES: Final = 2000
"""A page with more straight lines than this is a drawing: it gets none."""
_MAX_PICTURES: Final = 100
"""A page with more pictures than this is a mosaic: it gets none."""

Boxes = npt.NDArray[np.float64]
"""Shape (boxes, 4): x0, y0, x1, y1."""


def pictures(boxes: Boxes, size_px: tuple[int, int], zoom: float) -> tuple[Box, ...]:
    """The images that are no icons, as far as they are on the page.

    Args:
        boxes: Of the images, pixels.
        size_px: Width and height of the page.
        zoom: Pixels of a point.
    """
    boxes = np.clip(boxes, 0.0, (*size_px, *size_px))
    sides = boxes[:, 2:] - boxes[:, :2]
    return _bounded(boxes[(sides >= _PICTURE_PT * zoom).all(axis=1)], _MAX_PICTURES)


def rules(filled: Boxes, stroked: Boxes, zoom: float) -> tuple[Box, ...]:
    """Straight lines, drawn as such or as thin rectangles, and the edges of stroked rectangles.

    Args:
        filled: Boxes of filled paths, and of pieces of paths, pixels.
        stroked: Boxes of stroked paths, pixels.
        zoom: Pixels of a point.
    """
    drawn = np.concatenate([filled, stroked])
    frames = stroked[~_is_thin(stroked, zoom)]
    x0, y0, x1, y1 = frames.T
    edges = [(x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)]
    sides = [np.stack(edge, axis=1) for edge in edges]
    every = np.concatenate([drawn[_is_thin(drawn, zoom)], *sides])
    is_long = (every[:, 2:] - every[:, :2]).max(axis=1, initial=0.0) >= _LONG_PT * zoom
    return _bounded(every[is_long], _MAX_RULES)


def _is_thin(boxes: Boxes, zoom: float) -> npt.NDArray[np.bool_]:
    thin: npt.NDArray[np.bool_] = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) <= _THIN_PT * zoom
    return thin


def _bounded(boxes: Boxes, most: int) -> tuple[Box, ...]:
    if len(boxes) > most:
        return ()
    return tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in boxes.tolist())
