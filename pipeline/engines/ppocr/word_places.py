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

    Each gap parts two words at most.

    Args:
        pixels: The image, (height, width, 3).
        box: The line's box in it, without the white at its ends; wider than high.
        ends: Left and right end of what the recogniser saw, px.
        breaks: Where about words part, as shares of that (`Reading.breaks`).

    Returns:
        Shares that increase and are below 1; none where that cannot be said of every word.
    """
    x0, y0, x1, y1 = box
    length, em = x1 - x0, y1 - y0
    if length <= em:
        return ()
    gaps = [
        (left[1], right[0]) for left, right in pairwise(stretches(pixels, box, _MIN_GAP_EM * em))
    ]
    places = [ends[0] + share * (ends[1] - ends[0]) for share in breaks]
    chosen = _chosen(places, gaps, _MAX_OFF_EM * em)
    at = (gaps[chosen[i]][1] if i in chosen else x for i, x in enumerate(places))
    found = (0.0, *((x - x0) / length for x in at))
    return found if all(a < b for a, b in pairwise((*found, 1.0))) else ()


def _chosen(
    places: Sequence[float], gaps: Sequence[tuple[float, float]], most_px: float
) -> dict[int, int]:
    """The index of the gap of each place that has one, the nearest pairs first.

    Gaps are in the order of their places, each is that of one.
    """
    near = sorted(
        (off, gap, place)
        for place, x in enumerate(places)
        for gap, (left, right) in enumerate(gaps)
        if (off := max(left - x, x - right, 0.0)) <= most_px
    )
    chosen: dict[int, int] = {}
    for _, gap, place in near:
        is_free = place not in chosen and gap not in chosen.values()
        if is_free and all((gap < g) == (place < p) for p, g in chosen.items()):
            chosen[place] = gap
    return chosen
