"""Divides a page into regions without columns, in reading order. Pure and total.

A region is divided recursively at the first of these that it has:

1. the tallest gutter between two columns of running text, of contents, or two pages of a book,
   into the parts above, left, right and below;
2. white space across the whole region;
3. the tallest gutter between two blocks side by side, such as a margin note or two addresses.

A heading across the columns ends a gutter. The white strips of a table are not gutters: the lines
beside them are short and aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from pipeline.text.layout.column_kinds import (
    are_address_blocks,
    are_aligned,
    are_blocks,
    are_pages,
    are_table_rows,
    texts_beside,
)
from pipeline.text.layout.entries import are_contents
from pipeline.text.layout.gutters import Gutter, gutters, left_ends, right_ends
from pipeline.text.layout.page_lines import Indices, PageLines, middle_value

_MAX_GUTTERS = 32
"""Maximum number of gutters that are classified, the tallest first."""
_MAX_DEPTH = 32
"""Maximum depth of the recursion."""
_MIN_LINES = 4
"""Minimum lines of a part with a gutter."""
_BREAK_EM = 0.8
"""Minimum white space between rows that divides a region, in line heights."""
_APART_EM = 2.0
"""Minimum white space that separates a last row, such as a page number, in line heights."""
_LEAD_EM = 0.25
"""Minimum white space between a heading and the text below it, in line heights."""
_CONTINUED_EM = 0.6
"""Maximum white space between two lines of a text, in line heights."""
_LARGE = 1.15
"""Minimum height of a heading over several columns, in line heights ..."""
_WIDE = 1.15
"""... and its minimum width, in column widths."""
_MAX_CAPTION_ROWS = 3
"""Maximum rows of the caption of a table across two columns."""

_Judge = Callable[[PageLines, Indices, Indices], bool]


def regions(page: PageLines) -> list[Indices]:
    """Divide a page into regions without columns, in reading order.

    Args:
        page: Its lines.

    Returns:
        The indices of the lines of each region.
    """
    return list(_divided(page, page.all, _MAX_DEPTH))


def _divided(page: PageLines, region: Indices, depth: int) -> Iterator[Indices]:
    found = gutters(page, region, _MAX_GUTTERS) if depth else []
    parts = _parts(page, region, found) if depth else [region]
    if len(parts) == 1:
        yield region
        return
    for part in parts:
        if _may_have_gutter(part, found):
            yield from _divided(page, part, depth - 1)
        else:
            yield from _bands(page, part, _BREAK_EM * page.em_px)


def _may_have_gutter(part: Indices, found: Sequence[Gutter]) -> bool:
    """Whether a part may have gutters: each is one of the region's, or a piece of it."""
    if len(part) < _MIN_LINES or len(found) == _MAX_GUTTERS:
        return len(part) >= _MIN_LINES
    first, last = part[0], part[-1]
    return any(gutter.first <= last and gutter.last >= first for gutter in found)


def _parts(page: PageLines, region: Indices, found: Sequence[Gutter]) -> list[Indices]:
    """The non-empty parts of a region; the region itself where nothing divides it."""
    notes = None
    for gutter in found:
        texts = texts_beside(page, gutter.left_side, gutter.right_side)
        if texts == "columns":
            text = _trimmed(page, gutter)
            return _around(text, _column_parts(page, text))
        is_alone = gutter.is_whole and len(region) == len(page.all)
        is_spread = is_alone and are_pages(page, gutter.left_side, gutter.right_side)
        if texts == "numbers" or is_spread or are_contents(page, gutter.left, gutter.right):
            return _around(gutter, [])
        if texts == "notes":
            notes = gutter
            break
    bands = _bands(page, region, _BREAK_EM * page.em_px)
    if len(bands) > 1:
        return bands
    blocks = notes or _first(page, found, are_blocks) or _address_gutter(page, found)
    return _around(blocks, []) if blocks else [region]


def _around(gutter: Gutter, parts: list[Indices]) -> list[Indices]:
    """The parts around a gutter: above, beside (`parts`) and below it."""
    beside = parts if len(parts) > 1 else [gutter.left, gutter.right]
    return [part for part in (gutter.above, *beside, gutter.below) if len(part)]


def _first(page: PageLines, found: Sequence[Gutter], judge: _Judge) -> Gutter | None:
    """The first gutter whose sides fit."""
    for gutter in found:
        if judge(page, gutter.left_side, gutter.right_side):
            return gutter
    return None


def _address_gutter(page: PageLines, found: Sequence[Gutter]) -> Gutter | None:
    """The gutter between address blocks, which must fill the region: a table has headings."""
    return _first(page, [gutter for gutter in found if gutter.is_whole], are_address_blocks)


def _bands(page: PageLines, region: Indices, gap_px: float) -> list[Indices]:
    """The groups of lines separated by white space across the whole region."""
    if len(region) < 2:
        return [region]
    order = region[np.argsort(page.y0[region], kind="stable")]
    bottom = np.maximum.accumulate(page.y1[order])
    breaks = np.flatnonzero(page.y0[order][1:] - bottom[:-1] >= gap_px) + 1
    if not len(breaks):
        return [region]
    return [np.sort(band) for band in np.split(order, breaks)]


def _column_parts(page: PageLines, gutter: Gutter) -> list[Indices]:
    """Both sides of a gutter, divided at the bands that do not belong to a column.

    A heading over several columns, or a page number, need not cross the gutter; a table may have
    white space where the columns have their gutter.
    """
    beside = np.sort(np.concatenate((gutter.left, gutter.right)))
    bands = _bands(page, beside, _BREAK_EM * page.em_px)
    first, last = 0, len(bands)
    while last - first > 1 and _is_outside(page, bands[first], gutter):
        first += 1
    while last - first > 1 and _is_outside(page, bands[last - 1], gutter):
        # The last line of the left column may also be alone, but then it is close to the others.
        lone = not all(map(len, _divide(page, bands[last - 1], gutter)))
        gap_px = page.y0[bands[last - 1]].min() - page.y1[bands[last - 2]].max()
        if lone and gap_px < _APART_EM * page.em_px:
            break
        last -= 1
    inner = _joined(page, _grouped(page, bands[first:last], gutter), gutter)
    return [*bands[:first], *inner, *bands[last:]]


def _trimmed(page: PageLines, gutter: Gutter) -> Gutter:
    """The gutter without the last lines of a text above it that are short by chance."""
    beside = np.sort(np.concatenate((gutter.left, gutter.right)))
    bands = _bands(page, beside, _BREAK_EM * page.em_px)
    sides = _divide(page, bands[0], gutter)
    if len(bands) < 2 or all(map(len, sides)) or not len(gutter.above):
        return gutter
    near = (page.y1[gutter.above] >= page.y0[bands[0]].min() - _CONTINUED_EM * page.em_px) & (
        np.abs(page.x0[gutter.above] - page.x0[bands[0]].min()) <= page.em_px
    )
    if not near.any():
        return gutter
    above = np.sort(np.concatenate((gutter.above, bands[0])))
    left, right = (np.setdiff1d(side, bands[0]) for side in (gutter.left, gutter.right))
    return replace(gutter, above=above, left=left, right=right)


def _grouped(page: PageLines, bands: Sequence[Indices], gutter: Gutter) -> list[Indices]:
    """The bands, consecutive ones that are one row across the gutter each as one band."""
    grouped: list[Indices] = []
    was_row = False
    for band in bands:
        is_row = _row_count(page, band) == 1 and all(map(len, _divide(page, band, gutter)))
        if is_row and was_row:
            grouped[-1] = np.concatenate((grouped[-1], band))
        else:
            grouped.append(band)
        was_row = is_row
    return grouped


def _joined(page: PageLines, bands: Sequence[Indices], gutter: Gutter) -> list[Indices]:
    """The bands of columns as one part, but for headings and tables across the columns."""
    tables = [_is_table(page, band, gutter) for band in bands]
    parts: list[list[Indices]] = [[]]
    for i, band in enumerate(bands):
        beside = [bands[j] for j in (i - 1, i + 1) if 0 <= j < len(bands) and tables[j]]
        if tables[i] or any(_is_caption(page, band, table, gutter) for table in beside):
            parts += [[band], []]
            continue
        for piece in _bands(page, band, _LEAD_EM * page.em_px):
            if _is_heading(page, piece, gutter):
                parts += [[piece], []]
            else:
                parts[-1].append(piece)
    return [np.sort(np.concatenate(part)) for part in parts if part]


def _is_table(page: PageLines, band: Indices, gutter: Gutter) -> bool:
    """Whether a band between columns is a table across them."""
    left, right = _divide(page, band, gutter)
    if not len(left) or not len(right) or not are_table_rows(page, left, right):
        return False
    return texts_beside(page, right_ends(page, left), left_ends(page, right)) != "columns"


def _is_caption(page: PageLines, band: Indices, table: Indices, gutter: Gutter) -> bool:
    """Whether a band on one side of a gutter is the caption of a table across both."""
    if all(map(len, _divide(page, band, gutter))) or _row_count(page, band) > _MAX_CAPTION_ROWS:
        return False
    gaps_px = (
        page.y0[table].min() - page.y1[band].max(),
        page.y0[band].min() - page.y1[table].max(),
    )
    return bool(max(gaps_px) <= _APART_EM * page.em_px)


def _is_outside(page: PageLines, band: Indices, gutter: Gutter) -> bool:
    """Whether a band at the end of a gutter is a running head, a page number or a table."""
    left, right = _divide(page, band, gutter)
    if len(left) and len(right):
        sides = right_ends(page, left), left_ends(page, right)
        return texts_beside(page, *sides) != "columns" and are_aligned(page, left, right)
    return _row_count(page, band) == 1


def _is_heading(page: PageLines, band: Indices, gutter: Gutter) -> bool:
    """Whether a band on one side of a gutter is a heading over both sides.

    It is large and alone, and either wider than a column or in a gap of the other side's text.
    """
    left, right = _divide(page, band, gutter)
    if (len(left) and len(right)) or _row_count(page, band) > 2:
        return False
    top, bottom = page.y0[band], page.y1[band]
    if middle_value(bottom - top) < _LARGE * page.em_px:
        return False
    widths = page.x1 - page.x0
    beside = np.concatenate((gutter.left, gutter.right))
    if widths[band].max() >= _WIDE * middle_value(widths[beside]):
        return True
    other = gutter.right if len(left) else gutter.left
    above = page.y1[other][page.middle[other] < top.min()]
    below = page.y0[other][page.middle[other] > bottom.max()]
    if not len(above) or not len(below):
        return False
    gap_px = max(top.min() - above.max(), below.min() - bottom.max())
    return bool(gap_px <= _APART_EM * page.em_px)


def _row_count(page: PageLines, lines: Indices) -> int:
    return len(np.unique(page.row[lines]))


def _divide(page: PageLines, band: Indices, gutter: Gutter) -> tuple[Indices, Indices]:
    """The lines of a band on the left and on the right of a gutter."""
    is_left = np.zeros(len(page.lines), np.bool_)
    is_left[gutter.left] = True
    return band[is_left[band]], band[~is_left[band]]
