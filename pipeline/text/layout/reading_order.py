"""Puts the lines of a page in reading order and joins them to blocks.

Columns are read before rows where there are columns (`columns`); within a column the lines of
one baseline form a row (`rows`), and rows form paragraphs and tables (`paragraphs`). Pages are
read from left to right: the embedded models read no right-to-left script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean, median

from pipeline.text.layout.columns import regions
from pipeline.text.layout.paragraphs import paragraphs, text_of
from pipeline.text.layout.rows import Row, canonical, hull, rows
from pipeline.types import Block, Box, Line

_SIDEWAYS = 2.0
"""A line of several characters that is this much taller than wide runs down the page."""
_LEAST_EM_PX = 1.0
"""Lines are taken to be at least this high."""

_Turn = Callable[[Box], Box]


def blocks(lines: Sequence[Line], width_px: int, height_px: int) -> tuple[Block, ...]:
    """Put lines in reading order and join them to paragraphs.

    Lines that run down the page are ordered among themselves, as if the page were turned.
    Whatever has more text comes first: a stamp in the margin follows the page, and a table
    that was printed sideways is read as one.

    Args:
        lines: The engine's lines, in any order.
        width_px: Width of the picture that the boxes belong to.
        height_px: Height of that picture.

    Returns:
        The paragraphs and tables, with boxes in the pixels of the lines' boxes. The text of
        every line is in one of them.
    """
    ordered = canonical(lines)
    upright = [line for line in ordered if not _runs_down(line)]
    down = [line for line in ordered if _runs_down(line)]
    groups = [(upright, _as_it_is), (down, _turned_back)]
    if _characters(down) > _characters(upright):
        groups.reverse()
    turned = {_as_it_is: _as_it_is, _turned_back: _turned}
    return tuple(
        replace(block, box=back(block.box)) if block.box else block
        for group, back in groups
        for block in _upright_blocks([_moved(line, turned[back]) for line in group])
    )


def _upright_blocks(lines: Sequence[Line]) -> list[Block]:
    if not lines:
        return []
    em_px = max(_LEAST_EM_PX, median(line.box[3] - line.box[1] for line in lines))
    return [
        _block(paragraph)
        for region in regions(lines, em_px)
        for paragraph in paragraphs(rows(region), em_px)
    ]


def _block(paragraph: Sequence[Row]) -> Block:
    score = fmean(line.score for row in paragraph for line in row.lines)
    return Block("text", text_of(paragraph), hull([row.box for row in paragraph]), score)


def _runs_down(line: Line) -> bool:
    x0, y0, x1, y1 = line.box
    return len(line.text) > 2 and y1 - y0 > _SIDEWAYS * (x1 - x0)


def _characters(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _moved(line: Line, turn: _Turn) -> Line:
    return replace(line, box=turn(line.box))


def _as_it_is(box: Box) -> Box:
    return box


def _turned(box: Box) -> Box:
    """The box on the page turned left by 90 degrees: what runs down then runs right."""
    x0, y0, x1, y1 = box
    return y0, -x1, y1, -x0


def _turned_back(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return -y1, x0, -y0, x1
