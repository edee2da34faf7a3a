"""Where the words of a line begin, from the recogniser's steps and the white between words. Pure.

A step of the recogniser is a sixth of the line's height, and a character is seen somewhere within
its width: that says between which letters a word ends, and the ink says where.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from pipeline.engines.ppocr.ink_runs import stretches
from pipeline.types import Box, Pixels

_MIN_GAP_EM: Final = 0.1
"""Least white between two words, in heights of the line's box."""
_MAX_OFF_EM: Final = 0.5
"""How far from its place by the recogniser the white may be."""


def word_starts(
    pixels: Pixels, box: Box, ends: tuple[float, float], breaks: Sequence[float]
) -> tuple[float, ...]:
    """The shares of a line's length at which its words begin, 0 for the first one.

    Args:
        pixels: The image, (height, width, 3).
        box: The line's box in it, without the white at its ends; wider than high.
        ends: Left and right end of what the recogniser saw, px.
        breaks: Where about words part, as shares of that (`Reading.breaks`).
    """
    x0, y0, x1, y1 = box
    length, em = x1 - x0, y1 - y0
    if length <= em:
        return ()
    gaps = [
        (left[1], right[0]) for left, right in pairwise(stretches(pixels, box, _MIN_GAP_EM * em))
    ]
    found = [0.0]
    for share in breaks:
        x = ends[0] + share * (ends[1] - ends[0])
        off, start = min(
            ((max(gap[0] - x, x - gap[1], 0.0), gap[1]) for gap in gaps), default=(em, x)
        )
        start = start if off <= _MAX_OFF_EM * em else x
        found.append(min(1.0, max(found[-1], (start - x0) / length)))
    return tuple(found)
