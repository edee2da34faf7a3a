"""What the lines of one column are like: running text, a block of words, cells. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipeline.text.layout.page_lines import Flags, Floats, Indices, PageLines, middle_value

MIN_COLUMN_LINES = 3
"""Minimum lines of a column of running text: two may break at the same position by chance."""
_MIN_LINE_CHARS = 12
"""Minimum median of characters a line of running text."""
_TIGHT_EM = 2.0
"""Maximum line spacing of running text, in line heights."""
_FULL = 0.8
"""A line is full if it has at least this share of the width of its neighbours ..."""
_MIN_FULL_SHARE = 0.5
"""... and at least this share of the lines of running text is full."""
RUN_EM = 2.6
"""Maximum line spacing within a run of lines: a blank line does not end it."""
_LONG = 5
"""Minimum lines of a run that is more than a note or a heading."""
_AROUND = 2
"""Number of neighbours above and below for the comparison of widths."""
MIN_LOWER_CASE_SHARE = 0.15
"""Minimum share of lines of running text that begin in lower case."""
_RIGHT_EDGE = 0.9
"""Share of lines that end before the right edge of a column: some extend beyond it."""
_MIN_PROSE_LINES = 4
"""Minimum lines of running text beside a figure ..."""
_MIN_PROSE_LOWER_SHARE = 0.2
"""... and minimum share of them that begin in lower case."""
_WORDED = 0.75
"""Minimum share of lines with words in running text."""


def is_running_text(page: PageLines, side: Indices) -> bool:
    """Whether the lines are running text: long, closely spaced, mostly full."""
    if len(side) < MIN_COLUMN_LINES or middle_value(page.length[side]) < _MIN_LINE_CHARS:
        return False
    steps = steps_of(page, side)
    return (
        middle_value(steps) <= _TIGHT_EM * page.em_px
        and _is_contiguous(steps, page.em_px)
        and int(_full(page, side).sum()) >= _MIN_FULL_SHARE * len(side)
    )


def is_worded_prose(page: PageLines, side: Indices) -> bool:
    """Whether lines of running text are that beyond doubt, whatever is beside them."""
    if len(side) < _MIN_PROSE_LINES:
        return False
    cased = int(page.has_lower[side].sum())
    lower = int(page.starts_lower[side].sum())
    words = int(page.has_words[side].sum())
    return words >= _WORDED * len(side) and lower >= _MIN_PROSE_LOWER_SHARE * cased


def continues_sentences(page: PageLines, side: Indices) -> bool:
    """Whether sentences continue from line to line: enough lines begin in lower case.

    True for text without lower-case letters (capitals, Chinese).
    """
    if not page.has_lower[side].any():
        return True
    return int(page.starts_lower[side].sum()) >= MIN_LOWER_CASE_SHARE * len(side)


def wrapped_share(page: PageLines, side: Indices) -> float:
    """The share of lines that end where the first word of the next one would not fit."""
    ends = page.x1[side]
    right = float(np.quantile(ends, _RIGHT_EDGE))
    following = side[1:]
    head = (page.head[following] + 1) * page.width[following]
    room = head / np.maximum(page.length[following], 1)
    return float(np.mean(ends[:-1] + room >= right))


def is_block(page: PageLines, side: Indices) -> bool:
    """Whether the lines are a text: words, closely spaced."""
    return is_worded(page, side) and is_tight(page, side, _TIGHT_EM)


def is_worded(page: PageLines, side: Indices) -> bool:
    """Whether most lines contain words, not only numbers or symbols."""
    return 2 * int(page.has_words[side].sum()) > len(side)


def is_tight(page: PageLines, side: Indices, max_em: float) -> bool:
    """Whether there are several lines with a median spacing up to `max_em`."""
    return len(side) > 1 and middle_value(steps_of(page, side)) <= max_em * page.em_px


def steps_of(page: PageLines, side: Indices) -> Floats:
    """The distances from line to line."""
    middle = page.middle[side]
    steps: Floats = middle[1:] - middle[:-1]
    return steps


def runs_of(page: PageLines, side: Indices) -> list[Indices]:
    """The runs of lines without holes between them."""
    return np.split(side, np.flatnonzero(steps_of(page, side) > RUN_EM * page.em_px) + 1)


def _is_contiguous(steps: Floats, em_px: float) -> bool:
    """Whether the lines form one run, or mostly long runs, not notes."""
    if steps.max() <= RUN_EM * em_px:
        return True
    ends = [0, *(np.flatnonzero(steps > RUN_EM * em_px) + 1).tolist(), len(steps) + 1]
    counts = [end - start for start, end in pairwise(ends)]
    return 2 * sum(count for count in counts if count >= _LONG) >= len(steps) + 1


def _full(page: PageLines, side: Indices) -> Flags:
    """For each line, whether it is about as wide as the widest of its neighbours."""
    widths = page.width[side]
    widest = widths.copy()
    for i in range(1, min(_AROUND + 1, len(widths))):
        np.maximum(widest[i:], widths[:-i], out=widest[i:])
        np.maximum(widest[:-i], widths[i:], out=widest[:-i])
    full: Flags = widths >= _FULL * widest
    return full
