"""Columns: where a page is read down before it is read across. Pure and total.

A part of the page is divided again and again, by the first of these that is there:

1. the tallest gutter between two columns of running text: what lies above it, left of it,
   right of it and below it;
2. white space across the whole part;
3. the tallest gutter between two blocks that stand side by side, such as a note in the
   margin or two addresses.

A heading across the columns ends a gutter. The white strips in a table are no gutters: what
faces them is short, and stands row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from pipeline.gutters import Gutter, gutters
from pipeline.rows import middle, rows
from pipeline.types import Line

_MOST_TRIED = 32
"""Gutters that are looked at more closely, the tallest first."""
_MOST_NESTED = 32
"""How often a part is divided again."""
_BREAK_EM = 0.8
"""White space between two rows that divides a part, in heights of a line."""
_APART_EM = 2.0
"""White space that sets a lone row at the end of a column apart, such as a page number."""
_LEAD_EM = 0.25
"""White space between a heading and the text under it, at least, in heights of a line."""
_LARGE = 1.15
"""Height of a heading over several columns, at least, in heights of a line ..."""
_WIDE = 1.15
"""... and its width, in widths of a column."""

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

_ASIDE_EM = 3.0
"""White space between two addresses, at least, in heights of a line."""
_FEW = 8
"""Lines of an address, at most."""
_CLOSE_EM = 1.35
"""Most distance from line to line of an address; the rows of a table stand further apart."""
_PHRASE = 8
"""Characters of a line of an address, as the median; labels and cells are shorter."""

_Judge = Callable[[Gutter, float], bool]


def regions(lines: Sequence[Line], em_px: float) -> list[list[Line]]:
    """Divide a page into parts without columns, in reading order.

    Args:
        lines: The lines of a page or of a part of it, in a canonical order.
        em_px: The usual height of a line, px.
    """
    return list(_divided(list(lines), em_px, _MOST_NESTED))


def _divided(lines: list[Line], em_px: float, depth: int) -> Iterator[list[Line]]:
    parts = _parts(lines, em_px) if depth else [lines]
    if len(parts) == 1:
        yield lines
        return
    for part in parts:
        yield from _divided(part, em_px, depth - 1)


def _parts(lines: list[Line], em_px: float) -> list[list[Line]]:
    """The parts of a part, none of them empty; the part itself where nothing divides it."""
    found = gutters(lines, em_px)[:_MOST_TRIED]
    text = _first(found, _read_down, em_px)
    if text:
        return _around(text, _stories(text, em_px))
    bands = _bands(lines, _BREAK_EM * em_px)
    if len(bands) > 1:
        return bands
    blocks = _first(found, _stand_side_by_side, em_px)
    return _around(blocks, [blocks.left + blocks.right]) if blocks else [lines]


def _around(gutter: Gutter, stories: list[list[Line]]) -> list[list[Line]]:
    """The parts that a gutter makes: above, beside (the stories) and below it."""
    beside = stories if len(stories) > 1 else [gutter.left, gutter.right]
    return [part for part in (gutter.above, *beside, gutter.below) if part]


def _first(found: Sequence[Gutter], judge: _Judge, em_px: float) -> Gutter | None:
    return next((gutter for gutter in found if judge(gutter, em_px)), None)


def _bands(lines: Sequence[Line], gap_px: float) -> list[list[Line]]:
    """The lines between white spaces across the whole part."""
    bands: list[list[Line]] = []
    bottom = -np.inf
    for line in sorted(lines, key=lambda line: line.box[1]):
        if line.box[1] - bottom >= gap_px:
            bands.append([])
        bands[-1].append(line)
        bottom = max(bottom, line.box[3])
    return bands


def _stories(gutter: Gutter, em_px: float) -> list[list[Line]]:
    """Both sides of a gutter, divided at the bands that belong to no column.

    A heading over several columns need not be long enough to cross their gutter, nor does a
    page number; a table may have white space where the columns have their gutter.
    """
    bands = _bands(gutter.left + gutter.right, _BREAK_EM * em_px)
    first, last = 0, len(bands)
    while last - first > 1 and _is_outside(bands[first], gutter, em_px):
        first += 1
    while last - first > 1 and _is_outside(bands[last - 1], gutter, em_px):
        # The last line of the left column may stand alone too, but not far from the others.
        lone = not all(_divide(bands[last - 1], gutter))
        if lone and _top(bands[last - 1]) - _bottom(bands[last - 2]) < _APART_EM * em_px:
            break
        last -= 1
    inner = [line for band in bands[first:last] for line in band]
    stories: list[list[Line]] = [[]]
    for band in _bands(inner, _LEAD_EM * em_px):
        if _is_heading(band, gutter, em_px):
            stories += [band, []]
        else:
            stories[-1] += band
    return [*bands[:first], *filter(None, stories), *bands[last:]]


def _is_outside(band: list[Line], gutter: Gutter, em_px: float) -> bool:
    """Whether a band at a gutter's end is a running head, a page number or a table."""
    left, right = _divide(band, gutter)
    if left and right:
        return not _both_run(left, right, em_px) and _aligned(left, right, em_px)
    return len(rows(band)) == 1


def _is_heading(band: list[Line], gutter: Gutter, em_px: float) -> bool:
    """Whether a band is a heading over several columns: large, alone, wider than a column."""
    column_px = median(line.box[2] - line.box[0] for line in gutter.left + gutter.right)
    return (
        len(rows(band)) <= 2
        and median(line.box[3] - line.box[1] for line in band) >= _LARGE * em_px
        and max(line.box[2] - line.box[0] for line in band) >= _WIDE * column_px
    )


def _divide(band: list[Line], gutter: Gutter) -> tuple[list[Line], list[Line]]:
    """The lines of a band on the left and on the right of a gutter."""
    is_left = {id(line) for line in gutter.left}
    left = [line for line in band if id(line) in is_left]
    return left, [line for line in band if id(line) not in is_left]


def _top(lines: Sequence[Line]) -> float:
    return min(line.box[1] for line in lines)


def _bottom(lines: Sequence[Line]) -> float:
    return max(line.box[3] for line in lines)


def _read_down(gutter: Gutter, em_px: float) -> bool:
    """Whether the sides are columns of text."""
    return _both_run(gutter.left, gutter.right, em_px)


def _both_run(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether both sides are running text."""
    sides = _facing(left, right)
    if not all(_runs(side, em_px) for side in sides):
        return False
    return all(_flows(side) for side in sides) or not _aligned(*sides, em_px)


def _stand_side_by_side(gutter: Gutter, em_px: float) -> bool:
    """Whether the sides are blocks of their own rather than the cells of rows."""
    sides = _facing(gutter.left, gutter.right)
    if not all(_worded(side) and _tight(side, em_px, _TIGHT_EM) for side in sides):
        return False
    if not _aligned(*sides, em_px) or any(_wraps(side) for side in sides):
        return True
    if gutter.above or gutter.below:
        return False
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
        and _tight(side, em_px, _CLOSE_EM)
        and median(len(line.text) for line in side) >= _PHRASE
        and 2 * labels < len(side)
    )


def _facing(left: Sequence[Line], right: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines next to the gutter, one for each row of either side."""
    return [row.lines[-1] for row in rows(left)], [row.lines[0] for row in rows(right)]


def _runs(side: Sequence[Line], em_px: float) -> bool:
    """Whether the lines read as running text: wordy, close together, mostly full."""
    return (
        len(side) >= _COLUMN
        and median(len(line.text) for line in side) >= _WORDY
        and _tight(side, em_px, _TIGHT_EM)
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


def _worded(side: Sequence[Line]) -> bool:
    """Whether most lines have words rather than numbers or marks."""
    return sum(sum(map(str.isalpha, line.text)) >= 4 for line in side) > len(side) / 2


def _tight(side: Sequence[Line], em_px: float, most_em: float) -> bool:
    """Whether there are several lines and they stand close together."""
    steps = [middle(below) - middle(above) for above, below in pairwise(side)]
    return bool(steps) and median(steps) <= most_em * em_px


def _aligned(left: Sequence[Line], right: Sequence[Line], em_px: float) -> bool:
    """Whether the rows of the side with fewer rows have partners across the gutter."""
    few, many = sorted((left, right), key=len)
    heights = np.array([middle(line) for line in many])
    partners = sum(np.abs(heights - middle(line)).min() <= 0.3 * em_px for line in few)
    return bool(partners >= _ALIGNED * len(few))
