"""Ink of a page: how many pixels differ from the paper. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.types import Pixels

_CONTRAST: Final = 16
"""A pixel is ink if its level differs from the paper's by more than this, of 255. The palest text
in use, light grey on white, differs by twice as much; JPEG artefacts on plain paper by half."""

_ROW_STEPS: Final = (64, 8)
"""`is_blank` counts the ink of every 64th row first, which is enough for most pages; then of every
8th, for a page with few lines."""


def ink_ppm(pixels: Pixels) -> float:
    """The share of an image's pixels that are ink, in parts per million.

    The paper is the most frequent level of a colour channel. Ink is counted in each of the three
    channels and the largest count taken, so that coloured text on paper of equal brightness
    counts.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), of any size.
    """
    if not pixels.size:
        return 0.0
    ink_px = max(off_paper(counts) for counts in channel_levels(pixels))
    return ink_px * 1e6 / _area(pixels)


def is_blank(pixels: Pixels, max_ppm: float) -> bool:
    """Whether `ink_ppm` of an image is at most `max_ppm`.

    Most pages with text are rejected from a few rows alone: a lower bound of the ink in those
    rows, which holds whichever level is the paper, already exceeds the limit. Only the others need
    the whole image.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        max_ppm: Ink that a blank page may have, parts per million of its pixels.
    """
    if not pixels.size:
        return max_ppm >= 0
    for step in _ROW_STEPS:
        min_ink_px = max(_off_any_paper(counts) for counts in channel_levels(pixels[::step]))
        if min_ink_px * 1e6 / _area(pixels) > max_ppm:
            return False
    return ink_ppm(pixels) <= max_ppm


def _area(pixels: Pixels) -> int:
    return int(pixels.shape[0]) * int(pixels.shape[1])


def channel_levels(pixels: Pixels) -> npt.NDArray[np.int_]:
    """Number of pixels with each level of each colour channel, shape (3, 256)."""
    return np.array(Image.fromarray(pixels).histogram()).reshape(3, 256)


def off_paper(counts: npt.NDArray[np.int_]) -> int:
    """The number of ink pixels among those with each level of a channel, shape (256,)."""
    paper = int(counts.argmax())
    near = counts[max(0, paper - _CONTRAST) : paper + _CONTRAST + 1].sum()
    return int(counts.sum() - near)


def _off_any_paper(counts: npt.NDArray[np.int_]) -> int:
    """A lower bound of the ink pixels, whichever level is the paper."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    width = 2 * _CONTRAST + 1
    return int(sums[-1] - (sums[width:] - sums[:-width]).max())
