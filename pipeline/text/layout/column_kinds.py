"""Classifies the lines on both sides of a gutter: columns, separate blocks, or a table. Pure.

Positions alone do not distinguish two columns from a table: the lines of both may be aligned. Their
text does: running text has long lines that fill the column and continue in lower case.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.text.layout.entries import are_lists, is_list, is_list_beside_text
from pipeline.text.layout.line_numbers import are_line_numbers
from pipeline.text.layout.page_lines import Floats, Indices, PageLines, middle_value
from pipeline.text.layout.prose import (
    MIN_COLUMN_LINES,
    MIN_LOWER_CASE_SHARE,
    continues_sentences,
    is_block,
    is_running_text,
    is_tight,
    is_worded,
    is_worded_prose,
    runs_of,
    steps_of,
)

_ALIGNED = 0.75
"""Minimum share of rows aligned across the gutter in a table."""
_LEVEL_EM = 0.3
"""Maximum vertical offset of aligned rows, in line heights."""
_EXACT_EM = 0.2
"""That of cells and the lines of running text: labels of a figure are aligned by chance."""
_FLUSH = 0.85
"""Minimum share of cells whose edges are at one place in a column of cells."""
_MIN_TABLE_ROWS = 3
_MIN_TABLE_CELLS = 2.5
"""Minimum rows, and mean of cells a row, of a table across two columns of text."""

_MARGIN = 0.5
"""Maximum width of a column of notes, as a share of the text's beside it ..."""
_HOLE_EM = 4.0
"""... and minimum line spacing that it has somewhere, in line heights: notes stand beside the text
that they are about ..."""
_MIN_LINES_A_NOTE = 4
"""... or minimum lines of the text for each of a single note's."""

_ASIDE_EM = 3.0
"""Minimum white space between two address blocks, in line heights."""
_MAX_ADDRESS_LINES = 8
"""Maximum lines of an address block."""
_CLOSE_EM = 1.35
"""Maximum line spacing of an address block, in line heights; table rows are further apart."""
_MIN_ADDRESS_CHARS = 8
"""Minimum median of characters a line of an address block; labels and cells are shorter."""


_PAGES_APART_EM = 6.0
"""Minimum white space between two pages side by side, in line heights ..."""
_MIN_PAGE_LINES = 10
"""... and minimum lines of each."""

Texts = Literal["columns", "notes", "numbers"]
"""Columns of running text, or running text with notes or numbers of lines in its margin."""


def texts_beside(page: PageLines, left: Indices, right: Indices) -> Texts | None:
    """What both sides are where at least one is running text; None for anything else."""
    sides = (left, right)
    running = [is_running_text(page, side) for side in sides]
    if all(running):
        aligned = are_aligned(page, left, right)
        if not aligned or all(continues_sentences(page, side) for side in sides):
            is_margin = _are_notes(page, left, right) or _are_notes(page, right, left)
            return "notes" if is_margin else "columns"
    if all(is_list(page, side) for side in sides) and are_lists(page, left, right):
        return "columns"
    if is_list_beside_text(page, left, right) or is_list_beside_text(page, right, left):
        return "columns"
    if are_line_numbers(page, left) and is_worded_prose(page, right):
        return "numbers"
    for text, notes, is_running in ((left, right, running[0]), (right, left, running[1])):
        is_note = is_running and is_block(page, notes) and is_worded_prose(page, text)
        if is_note and not are_aligned(page, notes, text):
            return "notes"
    return None


def _are_notes(page: PageLines, notes: Indices, text: Indices) -> bool:
    """Whether one of two columns of running text is notes in the margin of the other."""
    narrow, wide = (page.x1[side].max() - page.x0[side].min() for side in (notes, text))
    are_few = len(notes) <= _MAX_ADDRESS_LINES and _MIN_LINES_A_NOTE * len(notes) <= len(text)
    has_hole = steps_of(page, notes).max() > _HOLE_EM * page.em_px
    return bool(narrow <= _MARGIN * wide and (are_few or has_hole))


def are_pages(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether the sides of a gutter along all of a page are two pages of a book side by side."""
    apart_px = page.x0[right].min() - page.x1[left].max()
    return (
        min(len(left), len(right)) >= _MIN_PAGE_LINES
        and bool(apart_px >= _PAGES_APART_EM * page.em_px)
        and all(is_worded(page, side) for side in (left, right))
        and not are_aligned(page, left, right)
    )


def are_blocks(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether the sides are separate: a note beside a paragraph, a figure beside a column."""
    sides = (left, right)
    if all(is_block(page, side) for side in sides):
        is_note = any(_is_short_paragraph(page, side) for side in sides)
        if is_note or not are_aligned(page, *sides):
            return True
        return _are_notes_beside_rows(page, left, right)
    return any(
        is_running_text(page, text)
        and is_worded_prose(page, text)
        and not _are_beside(page, other, text)
        for text, other in (sides, sides[::-1])
    )


def _are_notes_beside_rows(page: PageLines, notes: Indices, rows: Indices) -> bool:
    """Whether short paragraphs stand on the baselines of rows that have labels of their own.

    A cell that is broken into lines has nothing, or as many lines, in the cell beside it.
    """
    runs = runs_of(page, notes)
    if len(notes) >= len(rows) or min(map(len, runs)) < MIN_COLUMN_LINES:
        return False
    following = np.concatenate([run[1:] for run in runs])
    is_broken = 2 * int(page.starts_lower[following].sum()) >= len(following)
    middle = page.middle[rows]
    beside = np.concatenate(
        [rows[(middle >= page.y0[run[0]]) & (middle <= page.y1[run[-1]])] for run in runs]
    )
    are_labels = int(page.starts_lower[beside].sum()) <= MIN_LOWER_CASE_SHARE * len(beside)
    worded = int(page.has_words[beside].sum())
    return is_broken and are_labels and worded >= max(MIN_COLUMN_LINES, _ALIGNED * len(beside))


def _are_beside(page: PageLines, cells: Indices, text: Indices) -> bool:
    """Whether cells belong to the lines of a text: aligned with them, or a column of numbers."""
    if are_aligned(page, cells, text, _EXACT_EM):
        return True
    if is_worded(page, cells):
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


def are_aligned(
    page: PageLines, left: Indices, right: Indices, level_em: float = _LEVEL_EM
) -> bool:
    """Whether the rows of the side with fewer rows are aligned with rows of the other side."""
    few, many = sorted((page.middle[left], page.middle[right]), key=len)
    after = np.searchsorted(many, few)
    below, above = many[np.minimum(after, len(many) - 1)], many[np.maximum(after - 1, 0)]
    offsets = np.minimum(np.abs(below - few), np.abs(above - few))
    return int((offsets <= level_em * page.em_px).sum()) >= _ALIGNED * len(few)


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
        is_worded(page, side)
        and is_tight(page, side, _CLOSE_EM)
        and middle_value(page.length[side]) >= _MIN_ADDRESS_CHARS
        and 2 * labels < len(side)
    )
