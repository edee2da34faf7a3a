"""Divides a page into regions without columns, in reading order. Pure and total.

A region is divided recursively at the first of these that it has:

1. the tallest gutter between two columns of running text, into the parts above, left, right and
   below;
2. white space across the whole region;
3. the tallest gutter between two blocks side by side, such as a margin note or two addresses.

A heading across the columns ends a gutter. The white strips of a table are not gutters: the lines
beside them are short and aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from pipeline.text.layout.column_kinds import (
    are_address_blocks,
    are_aligned,
    are_blocks,
    are_columns,
    is_address,
    is_block,
    is_running_text,
)
from pipeline.text.layout.gutters import Gutter, gutters, left_ends, right_ends
from pipeline.text.layout.rows import PlacedLine, center_y, rows

_MAX_GUTTERS = 32
"""Maximum number of gutters that are classified, the tallest first."""
_MAX_DEPTH = 32
"""Maximum depth of the recursion."""
_BREAK_EM = 0.8
"""Minimum white space between rows that divides a region, in line heights."""
_APART_EM = 2.0
"""Minimum white space that separates a last row, such as a page number, in line heights."""
_LEAD_EM = 0.25
"""Minimum white space between a heading and the text below it, in line heights."""
_LARGE = 1.15
"""Minimum height of a heading over several columns, in line heights ..."""
_WIDE = 1.15
"""... and its minimum width, in column widths."""

_Judge = Callable[[Sequence[PlacedLine], Sequence[PlacedLine], float], bool]
_Condition = Callable[[Sequence[PlacedLine], float], bool]


def regions(lines: Sequence[PlacedLine], em_px: float) -> list[list[PlacedLine]]:
    """Divide a page into regions without columns, in reading order.

    Args:
        lines: The lines of a page or of a part of it, sorted by `sort_top_down`.
        em_px: The usual height of a line, px.
    """
    return list(_divided(list(lines), em_px, _MAX_DEPTH))


def _divided(lines: list[PlacedLine], em_px: float, depth: int) -> Iterator[list[PlacedLine]]:
    parts = _parts(lines, em_px) if depth else [lines]
    if len(parts) == 1:
        yield lines
        return
    for part in parts:
        yield from _divided(part, em_px, depth - 1)


def _parts(lines: list[PlacedLine], em_px: float) -> list[list[PlacedLine]]:
    """The non-empty parts of a region; the region itself where nothing divides it."""
    found = gutters(lines, em_px)[:_MAX_GUTTERS]
    text = _first(found, is_running_text, are_columns, em_px)
    if text:
        return _around(text, _column_parts(text, em_px))
    bands = _bands(lines, _BREAK_EM * em_px)
    if len(bands) > 1:
        return bands
    blocks = _first(found, is_block, are_blocks, em_px) or _address_gutter(found, em_px)
    return _around(blocks, [blocks.left + blocks.right]) if blocks else [lines]


def _around(gutter: Gutter, parts: list[list[PlacedLine]]) -> list[list[PlacedLine]]:
    """The parts around a gutter: above, beside (`parts`) and below it."""
    beside = parts if len(parts) > 1 else [gutter.left, gutter.right]
    return [part for part in (gutter.above, *beside, gutter.below) if part]


def _first(
    found: Sequence[Gutter], condition: _Condition, judge: _Judge, em_px: float
) -> Gutter | None:
    """The first gutter whose sides fit.

    Most gutters are refused by their left side alone: the rows of the right one are not made then.

    Args:
        found: The gutters.
        condition: What each side has to be.
        judge: What both sides together have to be.
        em_px: The usual height of a line, px.
    """
    for gutter in found:
        if (
            condition(gutter.left_side, em_px)
            and condition(gutter.right_side, em_px)
            and judge(gutter.left_side, gutter.right_side, em_px)
        ):
            return gutter
    return None


def _address_gutter(found: Sequence[Gutter], em_px: float) -> Gutter | None:
    """The gutter between address blocks, which must fill the region: a table has headings."""
    whole = [gutter for gutter in found if gutter.count == len(gutter.lines)]
    return _first(whole, is_address, are_address_blocks, em_px)


def _bands(lines: Sequence[PlacedLine], gap_px: float) -> list[list[PlacedLine]]:
    """The groups of lines separated by white space across the whole region."""
    bands: list[list[PlacedLine]] = []
    bottom = float("-inf")
    for line in sorted(lines, key=lambda line: line.box[1]):
        if line.box[1] - bottom >= gap_px:
            bands.append([])
        bands[-1].append(line)
        bottom = max(bottom, line.box[3])
    return bands


def _column_parts(gutter: Gutter, em_px: float) -> list[list[PlacedLine]]:
    """Both sides of a gutter, divided at the bands that do not belong to a column.

    A heading over several columns, or a page number, need not cross the gutter; a table may have
    white space where the columns have their gutter.
    """
    bands = _bands(gutter.left + gutter.right, _BREAK_EM * em_px)
    first, last = 0, len(bands)
    while last - first > 1 and _is_outside(bands[first], gutter, em_px):
        first += 1
    while last - first > 1 and _is_outside(bands[last - 1], gutter, em_px):
        # The last line of the left column may also be alone, but then it is close to the others.
        lone = not all(_divide(bands[last - 1], gutter))
        if lone and _top(bands[last - 1]) - _bottom(bands[last - 2]) < _APART_EM * em_px:
            break
        last -= 1
    inner = [line for band in bands[first:last] for line in band]
    parts: list[list[PlacedLine]] = [[]]
    for band in _bands(inner, _LEAD_EM * em_px):
        if _is_heading(band, gutter, em_px):
            parts += [band, []]
        else:
            parts[-1] += band
    return [*bands[:first], *filter(None, parts), *bands[last:]]


def _is_outside(band: list[PlacedLine], gutter: Gutter, em_px: float) -> bool:
    """Whether a band at the end of a gutter is a running head, a page number or a table."""
    left, right = _divide(band, gutter)
    if left and right:
        is_text = are_columns(right_ends(left), left_ends(right), em_px)
        return not is_text and are_aligned(left, right, em_px)
    return len(rows(band)) == 1


def _is_heading(band: list[PlacedLine], gutter: Gutter, em_px: float) -> bool:
    """Whether a band on one side of a gutter is a heading over both sides.

    It is large and alone, and either wider than a column or in a gap of the other side's text.
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
    above = [line.box[3] for line in other if center_y(line) < _top(band)]
    below = [line.box[1] for line in other if center_y(line) > _bottom(band)]
    if not above or not below:
        return False
    return max(_top(band) - max(above), min(below) - _bottom(band)) <= _APART_EM * em_px


def _divide(band: list[PlacedLine], gutter: Gutter) -> tuple[list[PlacedLine], list[PlacedLine]]:
    """The lines of a band on the left and on the right of a gutter."""
    is_left = {id(line) for line in gutter.left}
    left = [line for line in band if id(line) in is_left]
    return left, [line for line in band if id(line) not in is_left]


def _top(lines: Sequence[PlacedLine]) -> float:
    return min(line.box[1] for line in lines)


def _bottom(lines: Sequence[PlacedLine]) -> float:
    return max(line.box[3] for line in lines)
