"""The cells of a table that rules enclose. Pure and total.

Where a page draws the rules of a table, they say what its cells are: also those that span columns
or rows, whose rules are missing in between. They are believed only if everything agrees: each cell
with text is a rectangle, no word is on two sides of a rule, and no cell looks like several columns
or rows between which no rule is drawn. Else the table is left to `tables`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from statistics import median
from typing import Final

from pipeline.text.layout.rows import Row, bounding_box, rows
from pipeline.text.structure.lattice import Cell, Lattice, lattice
from pipeline.text.structure.pipe_tables import Grid
from pipeline.text.structure.places import FindWords, center_y, part_of
from pipeline.text.structure.table_rows import is_number
from pipeline.text.word_spans import Span
from pipeline.types import Box, Line

_OVER_EM: Final = 1 / 3
"""A word may reach so far over a rule, in line heights."""
_MAX_CELL_LINES: Final = 8
"""A cell with more lines, and more than half of the table's, is a page's text in a frame."""
_APART_EM: Final = 1.2
"""Minimum white space between two columns in one cell, in line heights."""
_PADDING_EM: Final = 0.5
"""Space between the text of a cell and its rules, on both sides together."""
_SPACE_EM: Final = 0.25
"""Width of a space, in line heights."""
_WIDE_STEP: Final = 1.5
"""Lines that are so many times farther apart than others may be of two rows."""
_MIN_STEPS: Final = 3
"""Steps between rows of one line that tell how far rows are apart ..."""
_ROW_STEP: Final = 0.96
"""... and lines so far apart, in such steps, may be rows."""
_MAX_HEAD_LINES: Final = 3
"""Lines of a head, which are often short."""
_MIN_LINES: Final = 4
_MIN_SEVERAL: Final = 2
"""Minimum number of rows, and of columns, with two cells or more."""
_MIN_HEAD: Final = 4
"""... but for the head of a table alone, which has so many cells in a row."""
_MIN_FILLED: Final = 0.3
"""Minimum share of cells that have text."""
_MIN_WIDTH_EM: Final = 1.0
"""A column without text that is narrower is the space between the lines of a double rule."""

_Cells = Mapping[Cell, Sequence[Row]]
"""The lines of each cell that has some."""


def ruled_cells(
    lines: Sequence[Line], rules: Sequence[Box], find_words: FindWords, em_px: float
) -> Grid | None:
    """The cells of a table by its rules alone, None where they don't say them.

    A cell that spans several rows or columns is in the first of them.

    Args:
        lines: The lines in the table.
        rules: Straight lines that the page draws.
        find_words: Where the words of a line stand.
        em_px: The usual height of a line.
    """
    if len(lines) < _MIN_LINES:
        return None
    found = lattice(bounding_box([line.box for line in lines]), rules, em_px)
    cells = None if found is None else _filled(lines, found, find_words, em_px)
    if found is None or cells is None:
        return None
    if max(map(len, cells.values())) > max(_MAX_CELL_LINES, len(lines) / 2):
        return None
    if _has_columns_without_rules(cells, found, em_px):
        return None
    if _has_rows_without_rules(cells, found, find_words, em_px):
        return None
    return _grid(cells, found, em_px)


def _filled(
    lines: Sequence[Line], found: Lattice, find_words: FindWords, em_px: float
) -> _Cells | None:
    """The lines of each cell, None where a word is in no cell or in two."""
    cells: defaultdict[Cell, list[Line]] = defaultdict(list)
    for line in lines:
        parts = _parts(line, found, find_words, _OVER_EM * em_px)
        if not parts:
            return None
        for cell, part in parts:
            cells[cell].append(part)
    return {cell: _rows(members) for cell, members in cells.items()}


def _rows(lines: Sequence[Line]) -> list[Row]:
    return rows(lines) if len(lines) > 1 else [Row((lines[0],), lines[0].box)]


def _parts(
    line: Line, found: Lattice, find_words: FindWords, over_px: float
) -> list[tuple[Cell, Line]]:
    """The cells that the words of a line are in; none where a word is in none or two."""
    y = center_y(line)
    cell = _cell_of((line.box[0], line.box[2]), y, found, over_px)
    if cell is not None:
        return [(cell, line)]
    texts, spans = line.text.split(), find_words(line)
    if len(texts) != len(spans):
        return []
    parts: list[tuple[Cell, list[int]]] = []
    for i, span in enumerate(spans):
        cell = _cell_of(span, y, found, over_px)
        if cell is None:
            return []
        if parts and parts[-1][0] == cell:
            parts[-1][1].append(i)
        else:
            parts.append((cell, [i]))
    return [
        (
            cell,
            part_of(
                line,
                " ".join(texts[i] for i in places),
                min(spans[i][0] for i in places),
                max(spans[i][1] for i in places),
            ),
        )
        for cell, places in parts
    ]


def _cell_of(span: Span, y: float, found: Lattice, over_px: float) -> Cell | None:
    """The cell that a word or a line is in, None for none or several."""
    begin, end = span
    middle = (begin + end) / 2
    cell = found.cell(middle, y)
    for x in (min(begin + over_px, middle), max(end - over_px, middle)):
        if found.cell(x, y) != cell:
            return None
    return cell


def _has_columns_without_rules(cells: _Cells, found: Lattice, em_px: float) -> bool:
    """Whether a cell has white space in its rows: but for a last row across the table."""
    last = max(i for i, _ in cells)
    are_notes = [
        cell[0] == last and found.columns(cell) == len(found.xs) - 1
        for cell, lines in cells.items()
        for row in lines
        if any(b.box[0] - a.box[2] > _APART_EM * em_px for a, b in pairwise(row.lines))
    ]
    return len(are_notes) > 1 or not all(are_notes)


def _has_rows_without_rules(
    cells: _Cells, found: Lattice, find_words: FindWords, em_px: float
) -> bool:
    """Whether cells side by side have lines that look like rows of their own.

    Such are numbers; lines in as many cells that end although the next word has room, or that are
    as far apart as rows; lines that are farther apart than others, where those beside are, too.
    """
    several = {cell: lines for cell, lines in cells.items() if len(lines) > 1}
    if any(all(is_number(row.lines[0].text) for row in lines) for lines in several.values()):
        return True
    least = _row_step(cells)
    loose: Counter[tuple[int, int]] = Counter()
    for cell, lines in several.items():
        room_px = found.width(cell) - _PADDING_EM * em_px
        early = sum(_has_room(a, b, room_px, find_words) for a, b in pairwise(lines))
        is_loose = 2 * early >= len(lines) - 1
        if is_loose or all(_step(a, b) >= least for a, b in pairwise(lines)):
            loose[cell[0], len(lines)] += 1
    filled = Counter(i for i, _ in cells)
    numbers = [i for (i, _), lines in cells.items() if is_number(lines[0].lines[0].text)]
    body = min(numbers, default=min(filled) + 1)
    return _has_gaps(several) or any(
        count > 1 and 2 * count >= filled[i] and (i >= body or size > _MAX_HEAD_LINES)
        for (i, size), count in loose.items()
    )


def _has_room(above: Row, below: Row, room_px: float, find_words: FindWords) -> bool:
    """Whether the first word of a line would have had room in the line above."""
    line = below.lines[0]
    spans = find_words(line)
    if spans:
        word_px = spans[0][1] - spans[0][0]
    else:
        word_px = (line.box[2] - line.box[0]) * len(line.text.split()[0]) / len(line.text)
    space_px = _SPACE_EM * (line.box[3] - line.box[1])
    return above.box[2] - above.box[0] + space_px + word_px <= room_px


def _row_step(cells: _Cells) -> float:
    """How far rows of one line are apart at least, infinite if unknown."""
    by_row: defaultdict[int, list[Sequence[Row]]] = defaultdict(list)
    for (i, _), lines in sorted(cells.items()):
        by_row[i].append(lines)
    singles = [found[0][0] for found in by_row.values() if all(len(lines) == 1 for lines in found)]
    steps = [_step(a, b) for a, b in pairwise(singles)]
    return _ROW_STEP * median(steps) if len(steps) >= _MIN_STEPS else float("inf")


def _step(above: Row, below: Row) -> float:
    return below.box[1] - above.box[1]


def _has_gaps(cells: _Cells) -> bool:
    """Whether lines of cells side by side are farther apart than others, at one level."""
    steps = [_step(a, b) for lines in cells.values() for a, b in pairwise(lines)]
    least = _WIDE_STEP * median(steps or [0.0])
    gaps = [
        (i, a.box[3], b.box[1])
        for (i, _), lines in cells.items()
        for a, b in pairwise(lines)
        if _step(a, b) > least
    ]
    return any(
        i == k and low < high_beside and low_beside < high
        for (i, low, high), (k, low_beside, high_beside) in combinations(gaps, 2)
    )


def _grid(cells: _Cells, found: Lattice, em_px: float) -> Grid | None:
    in_rows, in_columns = Counter(i for i, _ in cells), Counter(j for _, j in cells)
    is_head = len(in_rows) > 1 and max(in_rows.values()) >= _MIN_HEAD
    if not is_head and any(
        sum(count > 1 for count in counts.values()) < _MIN_SEVERAL
        for counts in (in_rows, in_columns)
    ):
        return None
    widths = [high - low for low, high in pairwise(found.xs)]
    starts = sorted({j for _, j in found.first.values()})
    columns = [j for j in starts if j in in_columns or widths[j] >= _MIN_WIDTH_EM * em_px]
    if len(cells) < _MIN_FILLED * len(in_rows) * len(columns):
        return None
    return [[_text(cells.get((i, j), ())) for j in columns] for i in sorted(in_rows)]


def _text(found: Sequence[Row]) -> str:
    return " ".join(line.text for row in found for line in row.lines)
