"""Tells the numbers of lines along a text from a column of a table. Pure.

As in manuscripts for review, statutes and transcripts: they count the lines of the text, all or
every fifth, so they are as far apart as they differ.
"""

from __future__ import annotations

import numpy as np

from pipeline.text.layout.page_lines import Indices, PageLines

_MIN_NUMBERS = 5
_MAX_DIGITS = 4
_MIN_KNOWN = 0.8
"""Minimum share of the texts that are numbers: engines misread some."""
_MIN_EVEN = 0.8
"""Minimum share of the steps whose pitch is the usual one."""
_TOLERANCE = 0.1
"""Maximum difference of a pitch from the usual one, as a share of it."""
_PITCH_EM = 0.8, 3.5
"""Minimum and maximum distance of two lines of the text, in line heights."""


def are_line_numbers(page: PageLines, side: Indices) -> bool:
    """Whether lines are numbers that count the lines beside them."""
    if len(side) < _MIN_NUMBERS:
        return False
    texts = [page.lines[i].text.strip() for i in side]
    known = [i for i, text in enumerate(texts) if text.isdecimal() and len(text) <= _MAX_DIGITS]
    if len(known) < max(_MIN_NUMBERS, _MIN_KNOWN * len(texts)):
        return False
    steps = np.diff([int(texts[i]) for i in known])
    if np.mean(steps > 0) < _MIN_EVEN:
        return False
    pitches = np.diff(page.middle[side[known]])[steps > 0] / steps[steps > 0]
    usual = float(np.median(pitches))
    low, high = _PITCH_EM
    is_even = np.mean(np.abs(pitches - usual) <= _TOLERANCE * usual) >= _MIN_EVEN
    return bool(is_even and low <= usual / page.em_px <= high)
