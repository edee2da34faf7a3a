"""How much of a page's text-like ink lies in boxes. Pure; a few milliseconds a page.

Text that was not found leaves no trace in an answer, but its ink is on the page. Areas of ink,
such as photographs and stains, and long rules are no text and are left out; drawings of thin lines
are not told from text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from pipeline.types import Box, Pixels

_SIDE_PX: Final = 640
"""About the longest side of the picture that is looked at: letters are three pixels tall."""
_MIN_CONTRAST: Final = 12
"""Least difference of ink from the paper, of 255."""
_CONTRAST: Final = 0.35
"""Difference of ink from the paper, as a share of that of the darkest ink."""
_DARKEST: Final = 0.01
"""Share of the page that is taken for the darkest ink."""
_AREA_PX: Final = 3
"""Half the side of the square that is an area if it is full of ink."""
_FULL: Final = 190
_RULE_PX: Final = 10
"""Half the length of a stretch that is a rule if it is ink."""
_UNBROKEN: Final = 230
_MIN_INK: Final = 1e-4
"""Share of the page below which there is no text-like ink to speak of: half a line."""

Mask = npt.NDArray[np.bool_]


def ink_coverage(pixels: Pixels, boxes: Iterable[Box]) -> float | None:
    """The share of the text-like ink that is in boxes, 0 to 1.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), of any size.
        boxes: In pixels of the image.

    Returns:
        The share; None where there is too little such ink.
    """
    if not pixels.size:
        return None
    step = max(1, round(max(pixels.shape[:2]) / _SIDE_PX))
    grey = Image.fromarray(np.ascontiguousarray(pixels[:, :, 1])).reduce(step)
    ink = _text_like(grey)
    total = int(ink.sum())
    if total < _MIN_INK * ink.size:
        return None
    for x0, y0, x1, y1 in boxes:
        top, left = max(0, int(y0 / step) - 1), max(0, int(x0 / step) - 1)
        ink[top : math.ceil(y1 / step) + 1, left : math.ceil(x1 / step) + 1] = False
    return 1 - int(ink.sum()) / total


def _text_like(grey: Image.Image) -> Mask:
    """Which pixels are ink, and neither in an area of it nor in a rule."""
    mask = _ink(grey)
    around = mask.filter(ImageFilter.BoxBlur(_AREA_PX))
    across = mask.filter(ImageFilter.BoxBlur((_RULE_PX, 0)))
    along = mask.filter(ImageFilter.BoxBlur((0, _RULE_PX)))
    is_text = np.asarray(mask) > 0
    is_text &= np.asarray(around) < _FULL
    is_text &= np.asarray(across) < _UNBROKEN
    return is_text & (np.asarray(along) < _UNBROKEN)


def _ink(grey: Image.Image) -> Image.Image:
    """255 where the level differs from the paper's, which is the most frequent one; else 0."""
    counts = np.array(grey.histogram())
    differences = np.abs(np.arange(256) - int(counts.argmax()))
    by_difference = np.bincount(differences, weights=counts, minlength=256)
    darker = np.cumsum(by_difference[::-1])[::-1]  # pixels that differ by so much or more
    darkest = int(np.flatnonzero(darker >= _DARKEST * counts.sum())[-1])
    is_ink = differences > max(_MIN_CONTRAST, _CONTRAST * darkest)
    return grey.point((255 * is_ink).tolist())
