"""Classifies the lines on both sides of a gutter: columns, separate blocks, or a table. Pure.

Positions alone do not distinguish two columns from a table: the lines of both may be aligned. Their
text does: running text has long lines that fill the column and continue in lower case.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np

from pipeline.text.layout.page_lines import Flags, Floats, Indices, PageLines, middle_value

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
_AROUND = 2
"""Number of neighbours above and below for the comparison of widths."""
_MIN_LOWER_CASE_SHARE = 0.15
"""Minimum share of lines of running text that begin in lower case."""
_ALIGNED = 0.75
"""Minimum share of rows aligned across the gutter in a table."""
_LEVEL_EM = 0.3
"""Maximum vertical offset of aligned rows, in line heights."""
_EXACT_EM = 0.2
"""That of cells and the lines of running text: labels of a figure are aligned by chance."""
_FLUSH = 0.85
"""Minimum share of cells whose edges are at one place in a column of cells."""
_MIN_PROSE_LINES = 4
"""Minimum lines of running text beside a figure ..."""
_MIN_PROSE_LOWER_SHARE = 0.2
"""... and minimum share of them that begin in lower case."""
_MIN_TABLE_ROWS = 3
_MIN_TABLE_CELLS = 2.5
"""Minimum rows, and mean of cells a row, of a table across two columns of text."""

_MARGIN = 0.5
"""Maximum width of a column of notes, as a share of the text's beside it ..."""
_HOLE_EM = 4.0
"""... and minimum line spacing that it has somewhere, in line heights: notes stand beside the text
that they are about."""

_ASIDE_EM = 3.0
"""Minimum white space between two address blocks, in line heights."""
_MAX_ADDRESS_LINES = 8
"""Maximum lines of an address block."""
_CLOSE_EM = 1.35
"""Maximum line spacing of an address block, in line heights; table rows are further apart."""
_MIN_ADDRESS_CHARS = 8
"""Minimum median of characters a line of an address block; labels and cells are shorter."""


Texts = Literal["columns", "notes"]
"""Columns of running text; running text with notes or headings in its margin."""


def texts_beside(page: PageLines, left: Indices, right: Indices) -> Texts | None:
    """What both sides are where at least one is running text; None for anything else."""
    sides = (left, right)
    running = [is_running_text(page, side) for side in sides]
    if all(running):
        aligned = are_aligned(page, left, right)
        if not aligned or all(_continues_sentences(page, side) for side in sides):
            is_margin = _are_notes(page, left, right) or _are_notes(page, right, left)
            return "notes" if is_margin else "columns"
    for text, notes, is_running in ((left, right, running[0]), (right, left, running[1])):
        is_note = is_running and _is_block(page, notes) and _is_worded_prose(page, text)
        if is_note and not are_aligned(page, notes, text):
            return "notes"
    return None


def _are_notes(page: PageLines, notes: Indices, text: Indices) -> bool:
    """Whether one of two columns of running text is notes in the margin of the other."""
    narrow, wide = (page.x1[side].max() - page.x0[side].min() for side in (notes, text))
    hole_px = _HOLE_EM * page.em_px
    return bool(narrow <= _MARGIN * wide and _steps(page, notes).max() > hole_px)


def are_blocks(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether the sides are separate: a note beside a paragraph, a figure beside a column."""
    sides = (left, right)
    if all(_is_block(page, side) for side in sides):
        is_note = any(_is_short_paragraph(page, side) for side in sides)
        return is_note or not are_aligned(page, *sides)
    return any(
        is_running_text(page, text)
        and _is_worded_prose(page, text)
        and not _are_beside(page, other, text)
        for text, other in (sides, sides[::-1])
    )


def _is_worded_prose(page: PageLines, side: Indices) -> bool:
    """Whether lines of running text are that beyond doubt, whatever is beside them."""
    if len(side) < _MIN_PROSE_LINES:
        return False
    cased = int(page.has_lower[side].sum())
    lower = int(page.starts_lower[side].sum())
    words = int(page.has_words[side].sum())
    return words >= _ALIGNED * len(side) and lower >= _MIN_PROSE_LOWER_SHARE * cased


def _are_beside(page: PageLines, cells: Indices, text: Indices) -> bool:
    """Whether cells belong to the lines of a text: aligned with them, or a column of numbers."""
    if are_aligned(page, cells, text, _EXACT_EM):
        return True
    if _is_worded(page, cells):
        return False
    edges = page.x0[cells], page.x1[cells]
    return any(_is_flush(values, page.em_px) for values in edges)


def _is_flush(edges: Floats, em_px: float) -> bool:
    near = np.abs(edges - np.median(edges)) <= _EXACT_EM * em_px
    return int(near.sum()) >= _FLUSH * len(edges)


def are_table_rows(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether lines on both sides of a gutter between columns are rows of a table across them."""
    rows = len(np.unique(page.row[np.concatenate((left, right))]))
    cells = len(left) + len(right)
    return (
        rows >= _MIN_TABLE_ROWS
        and cells >= _MIN_TABLE_CELLS * rows
        and len(np.intersect1d(page.row[left], page.row[right])) >= _ALIGNED * rows
    )


def are_address_blocks(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether the sides are small blocks far apart, such as addresses, with aligned rows."""
    apart_px = page.x0[right].min() - page.x1[left].max()
    return bool(apart_px >= _ASIDE_EM * page.em_px) and all(
        _is_address(page, side) for side in (left, right)
    )


def is_running_text(page: PageLines, side: Indices) -> bool:
    """Whether the lines are running text: long, closely spaced, mostly full."""
    if len(side) < _MIN_COLUMN_LINES or middle_value(page.length[side]) < _MIN_LINE_CHARS:
        return False
    steps = _steps(page, side)
    return (
        middle_value(steps) <= _TIGHT_EM * page.em_px
        and _is_contiguous(steps, page.em_px)
        and int(_full(page, side).sum()) >= _MIN_FULL_SHARE * len(side)
    )


def _steps(page: PageLines, side: Indices) -> Floats:
    """The distances from line to line."""
    middle = page.middle[side]
    steps: Floats = middle[1:] - middle[:-1]
    return steps


def _is_contiguous(steps: Floats, em_px: float) -> bool:
    """Whether the lines form one run, or mostly long runs, not notes."""
    if steps.max() <= _RUN_EM * em_px:
        return True
    ends = [0, *(np.flatnonzero(steps > _RUN_EM * em_px) + 1).tolist(), len(steps) + 1]
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


def _continues_sentences(page: PageLines, side: Indices) -> bool:
    """Whether sentences continue from line to line: enough lines begin in lower case.

    True for text without lower-case letters (capitals, Chinese).
    """
    if not page.has_lower[side].any():
        return True
    return int(page.starts_lower[side].sum()) >= _MIN_LOWER_CASE_SHARE * len(side)


def are_aligned(
    page: PageLines, left: Indices, right: Indices, level_em: float = _LEVEL_EM
) -> bool:
    """Whether the rows of the side with fewer rows are aligned with rows of the other side."""
    few, many = sorted((page.middle[left], page.middle[right]), key=len)
    after = np.searchsorted(many, few)
    below, above = many[np.minimum(after, len(many) - 1)], many[np.maximum(after - 1, 0)]
    offsets = np.minimum(np.abs(below - few), np.abs(above - few))
    return int((offsets <= level_em * page.em_px).sum()) >= _ALIGNED * len(few)


def _is_block(page: PageLines, side: Indices) -> bool:
    """Whether the lines are a text: words, closely spaced."""
    return _is_worded(page, side) and _is_tight(page, side, _TIGHT_EM)


def _is_worded(page: PageLines, side: Indices) -> bool:
    """Whether most lines contain words, not only numbers or symbols."""
    return 2 * int(page.has_words[side].sum()) > len(side)


def _is_tight(page: PageLines, side: Indices, max_em: float) -> bool:
    """Whether there are several lines with a median spacing up to `max_em`."""
    return len(side) > 1 and middle_value(_steps(page, side)) <= max_em * page.em_px


def _is_short_paragraph(page: PageLines, side: Indices) -> bool:
    """Whether the lines are one short paragraph: after the first, most begin in lower case."""
    if len(side) > _MAX_ADDRESS_LINES or not page.lines[side[0]].text[:1].isupper():
        return False
    return int(page.starts_lower[side[1:]].sum()) >= _ALIGNED * (len(side) - 1)


def _is_address(page: PageLines, side: Indices) -> bool:
    """Whether the lines are a small block such as an address, not labels or cells."""
    if len(side) > _MAX_ADDRESS_LINES:
        return False
    labels = sum(page.lines[i].text.rstrip().endswith(":") for i in side)
    return (
        _is_worded(page, side)
        and _is_tight(page, side, _CLOSE_EM)
        and middle_value(page.length[side]) >= _MIN_ADDRESS_CHARS
        and 2 * labels < len(side)
    )
