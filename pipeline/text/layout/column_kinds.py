"""What the lines on both sides of a gutter read like. Pure and total.

Positions alone do not tell two columns from a table: both may stand on the same rows. What
the lines say does: running text is wordy, fills its column and goes on with small letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from unicodedata import east_asian_width

import numpy as np

from pipeline.text.layout.rows import middle, rows
from pipeline.types import Line

_COLUMN = 3
"""Lines of a column of running text, at least: two lines may be broken at one place by chance."""
_WORDY = 12
"""Characters of a line of running text, as the median of a column."""
_TIGHT_EM = 2.0
"""Most distance from line to line of running text, in heights of a line."""
_FULL = 0.8
"""A line of running text reaches this part of the width of those around it ..."""
_FULL_SHARE = 0.5
"""... and this part of the lines does."""
_STRETCH_EM = 2.6
"""Most distance from line to line in one stretch of text: a blank line does not end it."""
_LONG = 5
"""Lines of a stretch that is more than a note or a heading."""
_AROUND = 3
"""Lines above and below that a line's width is compared with."""
_FLOWING = 0.15
"""Part of the lines of running text that begin with a small letter, at least."""
_ALIGNED = 0.75
"""Part of the rows with a partner across the gutter that makes a table."""

_LEVEL_EM = 0.3
"""Difference in height up to which two rows are partners, in heights of a line."""

_ASIDE_EM = 3.0
"""White space between two addresses, at least, in heights of a line."""
_FEW = 8
"""Lines of an address, at most."""
_CLOSE_EM = 1.35
"""Most distance from line to line of an address; the rows of a table stand further apart."""
_PHRASE = 8
"""Characters of a line of an address, as the median; labels and cells are shorter."""


def are_columns(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether both sides are running text."""
    sides = _facing(left, right)
    if not all(_runs(side, em_px) for side in sides):
        return False
    return all(_flows(side) for side in sides) or not are_aligned(*sides, em_px)


def are_blocks(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the sides are texts of their own, such as a note beside a paragraph."""
    sides = _facing(left, right)
    if not all(_is_worded(side) and _is_tight(side, em_px, _TIGHT_EM) for side in sides):
        return False
    return not are_aligned(*sides, em_px) or any(_wraps(side) for side in sides)


def are_addresses(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the sides are small blocks far apart, whose rows happen to be aligned."""
    sides = _facing(left, right)
    apart_px = min(line.box[0] for line in sides[1]) - max(line.box[2] for line in sides[0])
    return apart_px >= _ASIDE_EM * em_px and all(_is_address(side, em_px) for side in sides)


def _wraps(side: Sequence[Line]) -> bool:
    """Whether the lines are one short text: after the first, most go on with small letters."""
    if len(side) > _FEW or not side[0].text[:1].isupper():
        return False
    return sum(line.text[:1].islower() for line in side[1:]) >= _ALIGNED * (len(side) - 1)


def _is_address(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines are a small block such as an address, rather than labels or cells."""
    labels = sum(line.text.rstrip().endswith(":") for line in side)
    return (
        len(side) <= _FEW
        and _is_worded(side)
        and _is_tight(side, em_px, _CLOSE_EM)
        and median(_length(line.text) for line in side) >= _PHRASE
        and 2 * labels < len(side)
    )


def _facing(left: Sequence[Line], right: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines next to the gutter, one for each row of either side."""
    return [row.lines[-1] for row in rows(left)], [row.lines[0] for row in rows(right)]


def _runs(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines read as running text: wordy, close together, mostly full."""
    return (
        len(side) >= _COLUMN
        and median(_length(line.text) for line in side) >= _WORDY
        and _is_tight(side, em_px, _TIGHT_EM)
        and sum(_full(side)) >= _FULL_SHARE * len(side)
        and _holds_together(side, em_px)
    )


def _holds_together(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines are one stretch, or mostly long stretches, rather than notes."""
    stretches = [1]
    for above, below in pairwise(side):
        if middle(below) - middle(above) > _STRETCH_EM * em_px:
            stretches.append(0)
        stretches[-1] += 1
    long = sum(count for count in stretches if count >= _LONG)
    return len(stretches) == 1 or long >= len(side) / 2


def _full(side: Sequence[Line]) -> list[bool]:
    """For each line, whether it is about as long as the longest around it."""
    widths = [line.box[2] - line.box[0] for line in side]
    return [
        width >= _FULL * max(widths[max(0, i - _AROUND) : i + _AROUND + 1])
        for i, width in enumerate(widths)
    ]


def _flows(side: Sequence[Line]) -> bool:
    """Whether sentences run on from line to line: some lines begin with a small letter.

    Text without small letters (capitals, Chinese) cannot be told so, and counts as flowing.
    """
    if not any(char.islower() for line in side for char in line.text):
        return True
    return sum(line.text[:1].islower() for line in side) >= _FLOWING * len(side)


def _length(text: str) -> int:
    """Characters; those as wide as high, as in Chinese, say more and count twice."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _is_worded(side: Sequence[Line]) -> bool:
    """Whether most lines have words rather than numbers or marks."""
    return sum(sum(map(str.isalpha, line.text)) >= 4 for line in side) > len(side) / 2


def _is_tight(side: Sequence[Line], em_px: float, most_em: float) -> bool:
    """Whether there are several lines and they stand close together."""
    steps = [middle(below) - middle(above) for above, below in pairwise(side)]
    return bool(steps) and median(steps) <= most_em * em_px


def are_aligned(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the rows of the side with fewer rows have partners across the gutter."""
    few, many = sorted((left, right), key=len)
    heights = np.array([middle(line) for line in many])
    partners = sum(np.abs(heights - middle(line)).min() <= _LEVEL_EM * em_px for line in few)
    return bool(partners >= _ALIGNED * len(few))
