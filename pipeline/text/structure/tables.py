"""Rows and columns from the lines of a table. Pure and total.

Columns are separated by vertical rules that run through most of the table, and by white space that
no row, or almost none, crosses: between two rules only where most rows have a cell on each side.
Rows are the lines on one baseline; where the table has a rule below each row, all lines between two
rules are one row, but for those that plainly are rows of their own: faint rules are found here and
there only. Else a line that continues a cell closely below is joined to it. Each line goes into one
cell, but for numbers that stand in as many columns: no word is lost or doubled.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import Final

import numpy as np

from pipeline.text.layout.column_kinds import texts_beside
from pipeline.text.layout.page_lines import page_lines
from pipeline.text.layout.rows import Row, bounding_box, rows
from pipeline.text.structure import cell_doubts
from pipeline.text.structure.divided_lines import DividedLines
from pipeline.text.structure.drawn_figures import is_figure
from pipeline.text.structure.joined_rules import is_level
from pipeline.text.structure.pipe_tables import Grid
from pipeline.text.structure.places import center_x, center_y, part_of
from pipeline.text.structure.ruled_cells import ruled_cells
from pipeline.text.structure.sign_columns import with_signs_joined
from pipeline.text.structure.signs import LineSigns
from pipeline.text.structure.steps import middle, runs
from pipeline.text.structure.table_block import Table
from pipeline.text.structure.table_rows import is_number, row_starts
from pipeline.types import Box, Line

_BINS_EM: Final = 4
"""White space is looked for in steps of a quarter of a line height."""
_MAX_BINS: Final = 4096
_MIN_GAP_EM: Final = 0.4
"""Minimum white space between two columns, in line heights."""
_CROSSED: Final = 0.15
"""Maximum share of the rows that cross the white space between two columns ..."""
_HEAD_ROWS: Final = 4
"""... and of this many rows one may: heads are often wider than what is below them."""
_MIN_RULE: Final = 0.6
"""A rule separates columns or rows if it runs through this share of the table."""
_MAX_CELL_CHARS: Final = 60
"""A table without rules whose cells have more characters than this (median) is text."""
_MIN_FILLED: Final = 0.3
"""Minimum share of cells that have text."""
_MIN_CELL_ROWS: Final = 0.5
"""Minimum share of lines with two cells or more ..."""
_MIN_RULED_CELL_ROWS: Final = 0.25
"""... and where rules run between the columns."""
_MIN_BESIDE: Final = 0.6
"""White space between two rules separates columns if this share of the rows has text on both sides
of it. Rules are often drawn between some columns only, or not known to be drawn."""
_MIN_BESIDE_ROWS: Final = 4
"""Minimum number of such rows."""
_MAX_COLUMNS: Final = 64


def grid(lines: Sequence[Line], signs: LineSigns) -> Table | None:
    """The cells of a table, None where the lines don't form rows and columns.

    Args:
        lines: The lines in the table.
        signs: What is known of the page's lines.
    """
    if len(lines) < 4:
        return None
    rules, em_px = signs.rules, signs.em_px
    by_rules = ruled_table(lines, signs)
    if by_rules is not None:
        return by_rules
    whole = found = rows(lines)
    box = bounding_box([row.box for row in found])
    across, down = _inner_rules(rules, box, em_px)
    edges = _columns(found, down, box, em_px)
    if edges:
        table = DividedLines(found, signs.words, em_px)
        if table.is_known:
            edges = table.edges(box, edges, down)
            found = table.divided(edges, rules)
            lines = [line for row in found for line in row.lines]
    if not 2 <= len(edges) + 1 <= _MAX_COLUMNS:
        return None
    placed = [_cells(row, edges) for row in found]
    cells = [[[line.text for line in cell] for cell in row] for row in placed]
    is_ruled = bool(across or down)
    if not is_ruled and _is_text(lines, edges):
        return None
    starts = row_starts(found, cells, across, em_px, has_columns=bool(down))
    joined = _joined(cells, starts)
    least = _MIN_RULED_CELL_ROWS if down else _MIN_CELL_ROWS
    several = sum(sum(map(bool, row)) >= 2 for row in cells)
    if several < least * len(joined) or not _is_table(cells, joined, is_ruled):
        return None
    if is_figure(whole, joined, signs.shapes, em_px):
        return None
    places = cell_doubts.Places(placed, starts, edges, em_px)
    certainty = cell_doubts.certainty(places, rules, signs.shapes, signs.words)
    return _without_signs(joined, certainty)


def ruled_table(lines: Sequence[Line], signs: LineSigns) -> Table | None:
    """The cells of a table by its rules alone, None where they don't say them.

    Args:
        lines: The lines in the table.
        signs: What is known of the page's lines.
    """
    cells = ruled_cells(lines, signs.rules, signs.words, signs.em_px)
    return None if cells is None else _without_signs(cells, 1.0)


def _without_signs(cells: Grid, certainty: float) -> Table | None:
    """The table without columns of signs, None where no two columns are left."""
    cells = with_signs_joined(cells)
    return Table(cells, certainty) if len(cells[0]) > 1 else None


def between_rules(lines: Sequence[Line], rules: Sequence[Box], em_px: float) -> list[Line]:
    """The lines that are level with the table's rules, if there are some between the columns.

    A caption above the table and notes below it are none of its rows.
    """
    if not lines:
        return []
    x0, y0, x1, y1 = bounding_box([line.box for line in lines])
    inside = [
        (left, top, right, bottom)
        for left, top, right, bottom in rules
        if top < y1 + em_px and bottom > y0 - em_px and left < x1 and right > x0
    ]
    down = [rule for rule in inside if not is_level(rule) and x0 < rule[0] < x1]
    across = [rule for rule in inside if rule[2] - rule[0] >= _MIN_RULE * (x1 - x0)]
    low = min((rule[1] for rule in (*down, *across)), default=y0)
    high = max((rule[3] for rule in (*down, *across)), default=y1)
    if not down or high - low < _MIN_RULE * (y1 - y0):
        return list(lines)
    near = em_px / 3
    return [line for line in lines if low - near <= center_y(line) <= high + near]


def _is_text(lines: Sequence[Line], edges: Sequence[float]) -> bool:
    """Whether the columns are columns of running text."""
    page = page_lines(lines)
    columns = np.searchsorted(np.sort(edges), page.x0[page.all])
    filled = [page.all[columns == column] for column in np.unique(columns)]
    return any(texts_beside(page, left, right) == "columns" for left, right in pairwise(filled))


def _is_table(cells: Sequence[list[list[str]]], joined: Grid, is_ruled: bool) -> bool:
    texts = [text for row in joined for text in row if text]
    if len(joined) < 2 or len(texts) < _MIN_FILLED * len(joined) * len(joined[0]):
        return False
    single = [" ".join(cell) for row in cells for cell in row if cell]
    return is_ruled or median(map(len, single)) <= _MAX_CELL_CHARS


def _inner_rules(rules: Sequence[Box], box: Box, em_px: float) -> tuple[list[float], list[float]]:
    """Heights of horizontal and positions of vertical rules that run through a table."""
    x0, y0, x1, y1 = box
    horizontal: list[tuple[float, float, float]] = []
    vertical: list[tuple[float, float, float]] = []
    for left, top, right, bottom in rules:
        if is_level((left, top, right, bottom)):
            horizontal.append(((top + bottom) / 2, max(left, x0), min(right, x1)))
        else:
            vertical.append(((left + right) / 2, max(top, y0), min(bottom, y1)))
    across = _through(horizontal, y0, y1, _MIN_RULE * (x1 - x0), em_px / 3)
    return across, _through(vertical, x0, x1, _MIN_RULE * (y1 - y0), em_px / 3)


def _through(
    parts: Iterable[tuple[float, float, float]], low: float, high: float, least: float, near: float
) -> list[float]:
    """Where parts of rules that lie on one line are long enough together, between two limits."""
    inside = sorted(part for part in parts if low < part[0] < high and part[2] > part[1])
    groups: list[list[tuple[float, float, float]]] = []
    for part in inside:
        if groups and part[0] - groups[-1][0][0] <= near:
            groups[-1].append(part)
        else:
            groups.append([part])
    return [group[0][0] for group in groups if _length(group) >= least]


def _length(parts: Sequence[tuple[float, float, float]]) -> float:
    """The length that parts cover together; they may overlap."""
    total, end = 0.0, float("-inf")
    for _, low, high in sorted(parts, key=lambda part: part[1:]):
        total += max(0.0, high - max(low, end))
        end = max(end, high)
    return total


def _columns(found: Sequence[Row], down: Sequence[float], box: Box, em_px: float) -> list[float]:
    """The positions between columns."""
    if not down:
        return _gaps([row.lines for row in found], box[0], box[2], em_px)
    edges = list(down)
    for low, high in pairwise([box[0], *down, box[2]]):
        inside = [[line for line in row.lines if low < center_x(line) < high] for row in found]
        several = [lines for lines in inside if len(lines) > 1]
        if len(several) >= max(_MIN_BESIDE_ROWS, _MIN_BESIDE * sum(map(bool, inside))):
            gaps = _gaps(several, low, high, em_px)
            edges += _filled_beside(gaps, inside, low, high)
    return sorted(edges)


def _filled_beside(
    gaps: Sequence[float], inside: Sequence[Sequence[Line]], low: float, high: float
) -> list[float]:
    """Those of the gaps between two rules that have text on both sides in most rows."""
    bounds = [low, *gaps, high]
    texts = [lines for lines in inside if lines]
    kept: list[float] = []
    for left, gap, right in zip(bounds, gaps, bounds[2:], strict=False):
        both = sum(
            any(left < center_x(line) < gap for line in lines)
            and any(gap < center_x(line) < right for line in lines)
            for lines in texts
        )
        if both >= _MIN_BESIDE * len(texts):
            kept.append(gap)
    return kept


def _gaps(found: Sequence[Sequence[Line]], x0: float, x1: float, em_px: float) -> list[float]:
    """The middles of the white space between two positions that almost no row crosses."""
    bin_px = max(em_px / _BINS_EM, (x1 - x0) / _MAX_BINS, 1e-3)
    size = int((x1 - x0) / bin_px) + 1
    covered = np.zeros(size, np.int64)
    several = [lines for lines in found if len(lines) > 1]
    for lines in several:
        is_covered = np.zeros(size, np.bool_)
        for line in lines:
            start, end = (int((side - x0) / bin_px) for side in (line.box[0], line.box[2]))
            is_covered[max(0, start) : max(0, end + 1)] = True
        covered += is_covered
    most = max(int(_CROSSED * len(several)), int(len(several) >= _HEAD_ROWS))
    return [
        x0 + middle(covered[start:end], start) * bin_px
        for start, end in runs((covered <= most).tolist())
        if start > 0 and end < size and (end - start) * bin_px >= _MIN_GAP_EM * em_px
    ]


def _cells(row: Row, edges: Sequence[float]) -> list[list[Line]]:
    """The lines in each column of a row. A line over several columns is in that of most of it."""
    bounds = [float("-inf"), *edges, float("inf")]
    cells: list[list[Line]] = [[] for _ in range(len(edges) + 1)]
    for line in row.lines:
        if numbers := _numbers(line, edges):
            for column, number in numbers:
                cells[column].append(number)
            continue
        shares = [min(line.box[2], high) - max(line.box[0], low) for low, high in pairwise(bounds)]
        cells[max(range(len(cells)), key=lambda i: (shares[i], -i))].append(line)
    return cells


def _numbers(line: Line, edges: Sequence[float]) -> list[tuple[int, Line]]:
    """Columns of the numbers of a line, and they as lines, if each is in another column; else none.

    Wide numbers of columns side by side are one line where there is no more than a space between.
    """
    words = line.text.split()
    if len(words) < 2 or not all(is_number(word) for word in words):
        return []
    x0, _, x1, _ = line.box
    char_px = (x1 - x0) / len(" ".join(words))
    starts = [0, *accumulate(len(word) + 1 for word in words)]
    numbers = [
        part_of(line, word, x0 + start * char_px, x0 + (start + len(word)) * char_px)
        for start, word in zip(starts, words, strict=False)
    ]
    columns = [bisect(edges, center_x(number)) for number in numbers]
    is_one_each = all(below < above for below, above in pairwise(columns))
    return list(zip(columns, numbers, strict=True)) if is_one_each else []


def _joined(cells: Sequence[list[list[str]]], starts: Sequence[bool]) -> Grid:
    """The rows of the table: lines of one row together."""
    joined: list[list[list[str]]] = []
    for row, is_start in zip(cells, starts, strict=True):
        if is_start or not joined:
            joined.append([list(cell) for cell in row])
        else:
            for cell, more in zip(joined[-1], row, strict=True):
                cell += more
    return [[" ".join(cell) for cell in row] for row in joined]
