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
from statistics import median

from pipeline.text.layout.column_kinds import are_addresses, are_aligned, are_blocks, are_columns
from pipeline.text.layout.gutters import Gutter, gutters
from pipeline.text.layout.rows import middle, rows
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

_Judge = Callable[[Sequence[Line], Sequence[Line], float], bool]


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
    text = _first(found, are_columns, em_px)
    if text:
        return _around(text, _stories(text, em_px))
    bands = _bands(lines, _BREAK_EM * em_px)
    if len(bands) > 1:
        return bands
    blocks = _first(found, are_blocks, em_px) or _addresses(found, em_px)
    return _around(blocks, [blocks.left + blocks.right]) if blocks else [lines]


def _around(gutter: Gutter, stories: list[list[Line]]) -> list[list[Line]]:
    """The parts that a gutter makes: above, beside (the stories) and below it."""
    beside = stories if len(stories) > 1 else [gutter.left, gutter.right]
    return [part for part in (gutter.above, *beside, gutter.below) if part]


def _first(found: Sequence[Gutter], judge: _Judge, em_px: float) -> Gutter | None:
    return next((x for x in found if judge(x.left, x.right, em_px)), None)


def _addresses(found: Sequence[Gutter], em_px: float) -> Gutter | None:
    """The gutter between addresses, which must be all that there is; a table has headings."""
    return _first([x for x in found if not x.above and not x.below], are_addresses, em_px)


def _bands(lines: Sequence[Line], gap_px: float) -> list[list[Line]]:
    """The lines between white spaces across the whole part."""
    bands: list[list[Line]] = []
    bottom = float("-inf")
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
        return not are_columns(left, right, em_px) and are_aligned(left, right, em_px)
    return len(rows(band)) == 1


def _is_heading(band: list[Line], gutter: Gutter, em_px: float) -> bool:
    """Whether a band is a heading over both sides, though it stands on one of them only.

    It is large and alone, and wider than a column, or the text of the other side stops for it
    and goes on right after it.
    """
    sides = _divide(band, gutter)
    if all(sides) or len(rows(band)) > 2:
        return False
    if median(line.box[3] - line.box[1] for line in band) < _LARGE * em_px:
        return False
    column_px = median(line.box[2] - line.box[0] for line in gutter.left + gutter.right)
    if max(line.box[2] - line.box[0] for line in band) >= _WIDE * column_px:
        return True
    other = gutter.right if sides[0] else gutter.left
    above = [line.box[3] for line in other if middle(line) < _top(band)]
    below = [line.box[1] for line in other if middle(line) > _bottom(band)]
    if not above or not below:
        return False
    return max(_top(band) - max(above), min(below) - _bottom(band)) <= _APART_EM * em_px


def _divide(band: list[Line], gutter: Gutter) -> tuple[list[Line], list[Line]]:
    """The lines of a band on the left and on the right of a gutter."""
    is_left = {id(line) for line in gutter.left}
    left = [line for line in band if id(line) in is_left]
    return left, [line for line in band if id(line) not in is_left]


def _top(lines: Sequence[Line]) -> float:
    return min(line.box[1] for line in lines)


def _bottom(lines: Sequence[Line]) -> float:
    return max(line.box[3] for line in lines)
