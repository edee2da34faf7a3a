"""Classifies the lines on both sides of a gutter: columns, separate blocks, or a table. Pure.

Positions alone do not distinguish two columns from a table: the lines of both may be aligned. Their
text does: running text has long lines that fill the column and continue in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from unicodedata import east_asian_width

import numpy as np

from pipeline.text.layout.rows import center_y
from pipeline.text.short_cache import short_cache
from pipeline.types import Line

_MIN_COLUMN_LINES = 3
"""Minimum lines of a column of running text: two may break at the same position by chance."""
_MIN_LINE_CHARS = 12
"""Minimum median of characters a line of running text."""
_TIGHT_EM = 2.0
"""Maximum line spacing of running text, in line heights."""
_FULL = 0.8
"""A line is full if it has at least this share of the width of its neighbours ..."""
_MIN_FULL_SHARE = 0.5
"""... and at least this share of the lines of running text is full."""
_RUN_EM = 2.6
"""Maximum line spacing within a run of lines: a blank line does not end it."""
_LONG = 5
"""Minimum lines of a run that is more than a note or a heading."""
_AROUND = 3
"""Number of neighbours above and below for the comparison of widths."""
_MIN_LOWER_CASE_SHARE = 0.15
"""Minimum share of lines of running text that begin in lower case."""
_ALIGNED = 0.75
"""Minimum share of rows aligned across the gutter in a table."""

_CACHED_TEXTS = 4096
"""Size of the caches of answers about a line's text: a line is classified at several gutters."""
_LEVEL_EM = 0.3
"""Maximum vertical offset of aligned rows, in line heights."""

_ASIDE_EM = 3.0
"""Minimum white space between two address blocks, in line heights."""
_MAX_ADDRESS_LINES = 8
"""Maximum lines of an address block."""
_CLOSE_EM = 1.35
"""Maximum line spacing of an address block, in line heights; table rows are further apart."""
_MIN_ADDRESS_CHARS = 8
"""Minimum median of characters a line of an address block; labels and cells are shorter."""


def are_columns(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether both sides are running text."""
    sides = (left, right)
    if not all(is_running_text(side, em_px) for side in sides):
        return False
    return all(_continues_sentences(side) for side in sides) or not are_aligned(*sides, em_px)


def are_blocks(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the sides are separate texts, such as a note beside a paragraph."""
    sides = (left, right)
    if not all(is_block(side, em_px) for side in sides):
        return False
    return not are_aligned(*sides, em_px) or any(_is_short_paragraph(side) for side in sides)


def are_address_blocks(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the sides are small blocks far apart, such as addresses, with aligned rows."""
    sides = (left, right)
    apart_px = min(line.box[0] for line in sides[1]) - max(line.box[2] for line in sides[0])
    return apart_px >= _ASIDE_EM * em_px and all(is_address(side, em_px) for side in sides)


def is_block(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines are a text: words, closely spaced."""
    return _is_worded(side) and _is_tight(side, em_px, _TIGHT_EM)


def _is_short_paragraph(side: Sequence[Line]) -> bool:
    """Whether the lines are one short paragraph: after the first, most begin in lower case."""
    if len(side) > _MAX_ADDRESS_LINES or not side[0].text[:1].isupper():
        return False
    return sum(line.text[:1].islower() for line in side[1:]) >= _ALIGNED * (len(side) - 1)


def is_address(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines are a small block such as an address, not labels or cells."""
    labels = sum(line.text.rstrip().endswith(":") for line in side)
    return (
        len(side) <= _MAX_ADDRESS_LINES
        and _is_worded(side)
        and _is_tight(side, em_px, _CLOSE_EM)
        and median(_length(line.text) for line in side) >= _MIN_ADDRESS_CHARS
        and 2 * labels < len(side)
    )


def is_running_text(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines are running text: long, closely spaced, mostly full."""
    return (
        len(side) >= _MIN_COLUMN_LINES
        and median(_length(line.text) for line in side) >= _MIN_LINE_CHARS
        and _is_tight(side, em_px, _TIGHT_EM)
        and sum(_full(side)) >= _MIN_FULL_SHARE * len(side)
        and _is_contiguous(side, em_px)
    )


def _is_contiguous(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines form one run, or mostly long runs, not notes."""
    runs = [1]
    for above, below in pairwise(side):
        if center_y(below) - center_y(above) > _RUN_EM * em_px:
            runs.append(0)
        runs[-1] += 1
    long = sum(count for count in runs if count >= _LONG)
    return len(runs) == 1 or long >= len(side) / 2


def _full(side: Sequence[Line]) -> list[bool]:
    """For each line, whether it is about as wide as the widest of its neighbours."""
    widths = [line.box[2] - line.box[0] for line in side]
    return [
        width >= _FULL * max(widths[max(0, i - _AROUND) : i + _AROUND + 1])
        for i, width in enumerate(widths)
    ]


def _continues_sentences(side: Sequence[Line]) -> bool:
    """Whether sentences continue from line to line: enough lines begin in lower case.

    True for text without lower-case letters (capitals, Chinese).
    """
    if not any(_has_lower_case(line.text) for line in side):
        return True
    return sum(line.text[:1].islower() for line in side) >= _MIN_LOWER_CASE_SHARE * len(side)


@short_cache(_CACHED_TEXTS)
def _has_lower_case(text: str) -> bool:
    return any(map(str.islower, text))


@short_cache(_CACHED_TEXTS)
def _length(text: str) -> int:
    """Number of characters; full-width ones (Chinese, Japanese, Korean) count twice."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _is_worded(side: Sequence[Line]) -> bool:
    """Whether most lines contain words, not only numbers or symbols."""
    return sum(_has_word(line.text) for line in side) > len(side) / 2


@short_cache(_CACHED_TEXTS)
def _has_word(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= 4


def _is_tight(side: Sequence[Line], em_px: float, max_em: float) -> bool:
    """Whether there are several lines with a median spacing up to `max_em`."""
    steps = [center_y(below) - center_y(above) for above, below in pairwise(side)]
    return bool(steps) and median(steps) <= max_em * em_px


def are_aligned(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the rows of the side with fewer rows are aligned with rows of the other side."""
    few, many = sorted((left, right), key=len)
    heights = np.array([center_y(line) for line in many])
    own = np.array([center_y(line) for line in few])[:, np.newaxis]
    partners = (np.abs(heights - own).min(axis=1) <= _LEVEL_EM * em_px).sum()
    return bool(partners >= _ALIGNED * len(few))
