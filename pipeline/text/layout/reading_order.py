"""Sorts the lines of a page into reading order and joins them into blocks.

Columns are read one after the other (`columns`); within a column the lines on one baseline form a
row (`rows`), and rows form paragraphs and tables (`paragraphs`). Pages of right-to-left scripts are
ordered in the mirror (`direction`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.text.layout.columns import regions
from pipeline.text.layout.direction import is_right_to_left, mirrored
from pipeline.text.layout.page_lines import page_lines
from pipeline.text.layout.paragraphs import paragraphs, text_of
from pipeline.text.layout.rows import Row, bounding_box, rows_of
from pipeline.text.layout.vertical import vertical_lines
from pipeline.types import Block, Box, Line

_Turn = Callable[[Box], Box]


def blocks(lines: Sequence[Line], width_px: int, height_px: int) -> tuple[Block, ...]:
    """Sort lines into reading order and join them into paragraphs.

    Vertical lines are ordered separately, as on the rotated page. The direction with more text
    comes first: a stamp in the margin follows the page, and a table printed sideways stays whole.
    Where most text is vertical it runs down, else up: boxes do not tell.

    Args:
        lines: The lines, in any order.
        width_px: Width of the image that the boxes refer to.
        height_px: Height of that image.

    Returns:
        The paragraphs and tables, with boxes in the pixels of the lines' boxes. The text of
        every line is in one of them.
    """
    if not is_right_to_left(lines):
        return _blocks(lines)
    found = _blocks([replace(line, box=mirrored(line.box, width_px)) for line in lines])
    return tuple(replace(block, box=block.box and mirrored(block.box, width_px)) for block in found)


def _blocks(lines: Sequence[Line]) -> tuple[Block, ...]:
    """The blocks of a page that is read from left to right."""
    vertical = vertical_lines(lines)
    upright = [line for line, is_vertical in zip(lines, vertical, strict=True) if not is_vertical]
    sideways = [line for line, is_vertical in zip(lines, vertical, strict=True) if is_vertical]
    # Text beside upright text runs up, as stamps and the labels of axes do.
    groups = [(upright, _unchanged), (sideways, _turn_left)]
    if _characters(sideways) > _characters(upright):
        groups = [(sideways, _turn_right), (upright, _unchanged)]
    turned = {_unchanged: _unchanged, _turn_right: _turn_left, _turn_left: _turn_right}
    found: list[Block] = []
    for group, back in groups:
        if back is _unchanged:
            found += _upright_blocks(group)
            continue
        for block in _upright_blocks([_moved(line, turned[back]) for line in group]):
            found.append(replace(block, box=back(block.box)) if block.box else block)
    return tuple(found)


def _upright_blocks(lines: Sequence[Line]) -> list[Block]:
    return [_block(*paragraph) for paragraph in ordered_paragraphs(lines)]


def ordered_paragraphs(lines: Sequence[Line]) -> list[tuple[list[Row], bool]]:
    """The paragraphs and tables of upright lines that are read from left to right, in order.

    Args:
        lines: The lines, in any order.

    Returns:
        The rows of each, and whether each row is a line (`paragraphs`).
    """
    if not lines:
        return []
    page = page_lines(lines)
    return [
        paragraph
        for region in regions(page)
        for paragraph in paragraphs(rows_of(page, region), page.em_px)
    ]


def _block(paragraph: Sequence[Row], is_listed: bool) -> Block:
    lines = [line for row in paragraph for line in row.lines]
    score = sum([line.score for line in lines]) / len(lines)
    return Block(
        "text", text_of(paragraph, is_listed), bounding_box([line.box for line in lines]), score
    )


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
