"""Sorts the lines of a page into reading order and joins them into blocks.

Columns are read one after the other (`columns`); within a column the lines on one baseline form a
row (`rows`), and rows form paragraphs and tables (`paragraphs`). Pages are read from left to right;
for right-to-left scripts the caller mirrors the boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean, median

from pipeline.text.layout.columns import regions
from pipeline.text.layout.paragraphs import paragraphs, text_of
from pipeline.text.layout.rows import PlacedLine, Row, bounding_box, placed, rows, sort_top_down
from pipeline.types import Block, Box, Line

_SIDEWAYS = 2.0
"""A line of several characters with at least this ratio of height to width is vertical."""
_MIN_EM_PX = 1.0
"""Minimum line height that is assumed, px."""

_Turn = Callable[[Box], Box]


def blocks(lines: Sequence[Line], width_px: int, height_px: int) -> tuple[Block, ...]:
    """Sort lines into reading order and join them into paragraphs.

    Vertical lines are ordered separately, as on the rotated page. The direction with more text
    comes first: a stamp in the margin follows the page, and a table printed sideways stays whole.

    Args:
        lines: The lines, in any order.
        width_px: Width of the image that the boxes refer to.
        height_px: Height of that image.

    Returns:
        The paragraphs and tables, with boxes in the pixels of the lines' boxes. The text of
        every line is in one of them.
    """
    ordered = sort_top_down(lines)
    upright = [line for line in ordered if not is_vertical(line)]
    down = [line for line in ordered if is_vertical(line)]
    groups = [(upright, _unchanged), (down, _turn_right)]
    if _characters(down) > _characters(upright):
        groups.reverse()
    turned = {_unchanged: _unchanged, _turn_right: _turn_left}
    return tuple(
        replace(block, box=back(block.box)) if block.box else block
        for group, back in groups
        for block in _upright_blocks(placed([_moved(line, turned[back]) for line in group]))
    )


def _upright_blocks(lines: Sequence[PlacedLine]) -> list[Block]:
    return [_block(paragraph) for paragraph in ordered_paragraphs(lines)]


def ordered_paragraphs(lines: Sequence[PlacedLine]) -> list[list[Row]]:
    """The paragraphs and tables of upright lines, in reading order, as rows.

    Args:
        lines: Sorted by `sort_top_down`.
    """
    if not lines:
        return []
    em_px = max(_MIN_EM_PX, median(line.box[3] - line.box[1] for line in lines))
    return [
        paragraph
        for region in regions(lines, em_px)
        for paragraph in paragraphs(rows(region), em_px)
    ]


def _block(paragraph: Sequence[Row]) -> Block:
    score = fmean(line.score for row in paragraph for line in row.lines)
    return Block("text", text_of(paragraph), bounding_box([row.box for row in paragraph]), score)


def is_vertical(line: Line) -> bool:
    """Whether a line runs down or up the page."""
    x0, y0, x1, y1 = line.box
    return len(line.text) > 2 and y1 - y0 > _SIDEWAYS * (x1 - x0)


def _characters(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _moved(line: Line, turn: _Turn) -> Line:
    return Line(line.text, turn(line.box), line.score)


def _unchanged(box: Box) -> Box:
    return box


def _turn_left(box: Box) -> Box:
    """The box on the page rotated left by 90 degrees: text that ran down then runs right."""
    x0, y0, x1, y1 = box
    return y0, -x1, y1, -x0


def _turn_right(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return -y1, x0, -y0, x1
