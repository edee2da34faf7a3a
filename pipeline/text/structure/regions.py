"""Takes tables and figures out of a page: which lines are in them, and what they make. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from pipeline.text.layout.paragraphs import text_of
from pipeline.text.layout.reading_order import ordered_paragraphs
from pipeline.text.layout.rows import bounding_box, rows
from pipeline.text.structure.markdown import Kind
from pipeline.text.structure.paragraph_kinds import is_caption
from pipeline.text.structure.places import center_x, center_y, touch, without
from pipeline.text.structure.signs import LineSigns
from pipeline.text.structure.table_block import Table, table_block
from pipeline.text.structure.tables import between_rules, grid, ruled_table
from pipeline.types import Block, Box, Line, LineKind, Region, RegionKind

_NEAR_EM: Final = 1.5
"""Lines that the layout model takes for a table's belong to the one this near, in line heights."""
_PARAGRAPH_CHARS: Final = 30
"""Minimum characters of a line of running text ..."""
_MAX_PARAGRAPH_LINES: Final = 3
"""... of which a picture's labels have at most this many."""
_REACH_EM: Final = 10.0
"""Cells this far beside a region may belong to its rows, in line heights, ..."""
_LEVEL_EM: Final = 0.35
"""... if they are level with them to within this, in line heights, ..."""
_MIN_BESIDE: Final = 0.6
"""... this share of the rows has such cells, ..."""
_MAX_CELL_CHARS: Final = 40
"""... and none of them is longer."""
_MARGIN: Final = 0.12
"""A table within this share of the page's height from its edge ..."""
_MIN_ROWS: Final = 3
"""... that has fewer rows is the head or foot of the page."""


@dataclass(frozen=True, slots=True)
class Float:
    """A table or a figure.

    Attributes:
        block: What it becomes.
        box: Its place.
    """

    block: Block
    box: Box


def take(
    lines: Sequence[Line], regions: Iterable[Region], signs: LineSigns
) -> tuple[list[Float], list[Line]]:
    """The tables and figures of a page, and the lines that are in none of them.

    A table whose lines make no rows and columns is none: its lines stay.

    Args:
        lines: The lines.
        regions: Where tables and figures may be, the surest first.
        signs: What is known of the lines.
    """
    found: list[Float] = []
    rest = list(lines)
    for region in regions:
        make = _table if region.kind is RegionKind.TABLE else _figure
        made, used = make(region, rest, signs)
        if made is not None:
            found.append(made)
            rest = without(rest, used)
    return found, rest


def take_ruled(
    lines: Sequence[Line], by_rules: Iterable[Region], signs: LineSigns
) -> tuple[list[Float], list[Line]]:
    """The tables whose cells the page's rules say, and the lines that are in none of them.

    Args:
        lines: The lines.
        by_rules: Where rules cross each other as in a table.
        signs: What is known of the lines.
    """
    found: list[Float] = []
    rest = list(lines)
    for region in by_rules:
        members = _inside(rest, region.box)
        table = ruled_table(members, signs)
        if table is not None and not (
            len(table.cells) < _MIN_ROWS and _is_in_margin(region.box, signs)
        ):
            found.append(_table_of(members, table))
            rest = without(rest, members)
    return found, rest


def _table_of(members: Sequence[Line], table: Table) -> Float:
    block = table_block(members, table)
    return Float(block, bounding_box([line.box for line in members]))


def _inside(lines: Sequence[Line], box: Box) -> list[Line]:
    x0, y0, x1, y1 = box
    return [line for line in lines if x0 <= center_x(line) <= x1 and y0 <= center_y(line) <= y1]


def _table(
    region: Region, lines: Sequence[Line], signs: LineSigns
) -> tuple[Float | None, list[Line]]:
    box = _grown(region.box, lines, signs)
    members = [line for line in _inside(lines, box) if signs.kind(line) is not LineKind.CAPTION]
    members += _rest_of_rows(members, lines, signs.em_px)
    members = between_rules(members, signs.rules, signs.em_px)
    table = grid(members, signs)
    if table is None or (len(table.cells) < _MIN_ROWS and _is_in_margin(box, signs)):
        return None, []
    return _table_of(members, table), members


def _rest_of_rows(members: Sequence[Line], lines: Sequence[Line], em_px: float) -> list[Line]:
    """Cells of a table's rows on the left or right of the region, where most rows have one."""
    if not members:
        return []
    left, _, right, _ = bounding_box([line.box for line in members])
    reach = _REACH_EM * em_px
    lines = without(lines, members)
    levels = sorted(center_y(row.lines[0]) for row in rows(members))
    found: list[Line] = []
    for low, high in ((left - reach, left), (right, right + reach)):
        near = [line for line in lines if low <= line.box[0] and line.box[2] <= high]
        beside = [(i, line) for line in near if (i := _level(line, levels, em_px)) is not None]
        is_short = all(len(line.text) <= _MAX_CELL_CHARS for _, line in beside)
        if is_short and len({i for i, _ in beside}) >= _MIN_BESIDE * len(levels):
            found += [line for _, line in beside]
    return found


def _level(line: Line, levels: Sequence[float], em_px: float) -> int | None:
    """The index of the row that a line is level with."""
    y = center_y(line)
    at = bisect_left(levels, y)
    near = [i for i in (at - 1, at) if 0 <= i < len(levels)]
    i = min(near, key=lambda i: abs(levels[i] - y))
    return i if abs(levels[i] - y) <= _LEVEL_EM * em_px else None


def _is_in_margin(box: Box, signs: LineSigns) -> bool:
    """Whether a table is the head or foot of the page."""
    margin_px = _MARGIN * signs.height_px
    return box[3] <= margin_px or box[1] >= signs.height_px - margin_px


def _grown(box: Box, lines: Sequence[Line], signs: LineSigns) -> Box:
    """The box of a table with the lines beside it that the layout model takes for a table's."""
    near = _NEAR_EM * signs.em_px
    for line in lines:
        if signs.kind(line) is LineKind.TABLE and touch(line.box, box, near):
            box = bounding_box([box, line.box])
    return box


def _figure(
    region: Region, lines: Sequence[Line], signs: LineSigns
) -> tuple[Float | None, list[Line]]:
    """A figure with the text in it; running text on a picture is none of its labels."""
    labels = [line for line in _inside(lines, region.box) if not is_caption(line.text)]
    if sum(len(line.text) >= _PARAGRAPH_CHARS for line in labels) > _MAX_PARAGRAPH_LINES:
        labels = []
    text = "\n".join(text_of(*paragraph) for paragraph in ordered_paragraphs(labels))
    score = fmean(line.score for line in labels) if labels else None
    return Float(Block(Kind.IMAGE, text, region.box, score), region.box), labels
