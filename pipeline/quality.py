"""Judges pages and what an engine returned. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.types import FinishReason, Generation, Pixels, Status

_CONTRAST: Final = 16
"""How far a pixel must be from the paper to be ink, of 255. The palest text in use, light grey
on white, is twice as far; what JPEG does to plain paper is half as far."""


def status(generation: Generation, text: str) -> Status:
    """The status of a page that the engine answered.

    A page whose answer was cut off is `truncated` even where some text came. A page on which
    the engine found no text at all is `blank`.
    """
    if generation.finish_reason is FinishReason.LENGTH:
        return Status.TRUNCATED
    return Status.OK if text.strip() else Status.BLANK


def ink_ppm(pixels: Pixels) -> float:
    """How much of a picture differs from its paper, parts per million of its area.

    The paper is the most frequent level. Each of the three colours is looked at, so that
    coloured text on paper of equal brightness is ink.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), of any size.
    """
    if not pixels.size:
        return 0.0
    levels = np.array(Image.fromarray(pixels).histogram()).reshape(3, 256)
    most = max(_off_paper(counts) for counts in levels)
    return most * 1e6 / (int(pixels.shape[0]) * int(pixels.shape[1]))


def _off_paper(counts: npt.NDArray[np.int_]) -> int:
    paper = int(counts.argmax())
    near = counts[max(0, paper - _CONTRAST) : paper + _CONTRAST + 1].sum()
    return int(counts.sum() - near)


def is_blank(pixels: Pixels, most_ppm: float) -> bool:
    """Whether a page has no more ink than so much, in parts per million of its area."""
    return ink_ppm(pixels) <= most_ppm
