"""Which rows of a table may have words in wrong cells, by where words and rules stand. Pure.

`pipeline.text.table_doubt` looks at the texts of cells; this at the page. It is asked where a
table's cells are not those that its rules enclose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap
from statistics import median_low
from typing import Final, Self

from pipeline.text.layout.rows import bounding_box
from pipeline.text.structure.drawn_figures import may_be_figure
from pipeline.text.structure.joined_rules import is_level
from pipeline.text.structure.places import FindWords, center_y, touch
from pipeline.text.structure.table_rows import is_number
from pipeline.types import Box, Line

_APART_EM: Final = 1.2
"""White space in a cell that is as wide as this, in line heights, may be that between two."""
_ALONG: Final = 0.6
"""A rule divides two lines of a cell if it runs along this share of the narrower one."""
_OVER_EM: Final = 1 / 3
"""A line reaches into the next column if it does so by this, in line heights, ..."""
_FILLED: Final = 0.7
"""... and that column has text in this share of the rows."""
_MAX_HEAD: Final = 2
"""Rows at the top that may have cells across columns."""
_MAX_EMPTY: Final = 1
"""Columns without any text that a table may have."""
_MIN_DOUBT: Final = 0.1
"""Doubt in a table of which any row is in doubt ..."""
_MAX_DOUBT: Final = 0.2
"""... and where all are: most words are in their cells even there."""

_UPPER: Final = 0.8
"""The texts of a column begin with a capital if this share of those that begin with a letter do."""
_HARDLY_FILLED: Final = 0.5
"""A table of which no more than this share of the cells has text may be a figure with its labels,
or have lines of its cells as rows."""
_MANY_ROWS: Final = 6
"""A column with a single text is odd in a table of so many rows."""
_MIN_WORDS: Final = 4
"""Words in most cells of a column that may be one of text."""
_BESIDE: Final = 0.2
"""Rows are beside each other if their boxes share so much of the lower one's height."""

Cells = Sequence[Sequence[Line]]
"""The lines in each column."""
Placed = Sequence[Cells]
"""Those for each line of the table."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the lines of a table stand.

    Attributes:
        placed: They, row by row.
        starts: Whether each row starts a row of the table; else it continues the one above.
        edges: Positions between the columns, px.
        em_px: The usual height of a line.
    """

    placed: Placed
    starts: Sequence[bool]
    edges: Sequence[float]
    em_px: float


def certainty(
    places: Places, rules: Sequence[Box], shapes: Sequence[Box], find_words: FindWords
) -> float:
    """How sure it is that words are in their cells, 0.8 to 1.

    Args:
        places: The lines.
        rules: Straight lines that the page draws.
        shapes: What it draws that is neither such a line nor a rectangle.
        find_words: Where the words of a line stand.
    """
    level = [rule for rule in rules if is_level(rule)]
    upright = [rule for rule in rules if not is_level(rule)]
    rows = _table_rows(places)
    columns = _Columns.of(rows)
    doubtful = [
        any(_is_divided(cell, upright, find_words, places.em_px) for line in row for cell in line)
        or any(_is_ruled(a, b, level) for cells in zip(*row, strict=True) for a, b in _pairs(cells))
        or _reaches_over(row, places, columns.is_full, is_head=i < _MAX_HEAD)
        for i, row in enumerate(rows)
    ]
    joined = [_joined(row) for row in rows]
    for i, (above, below) in enumerate(pairwise(joined), 1):
        doubtful[i] |= _may_continue(below, above, columns.is_upper)
        doubtful[i] |= _are_beside(above, below) or _are_beside(below, above)
    doubts = sum(doubtful) / len(doubtful)
    box = _box(rows)
    has_rules = any(touch(rule, box) for rule in rules)
    is_odd = columns.are_odd or (columns.are_text and not has_rules)
    if doubts or is_odd or may_be_figure(box, shapes, places.em_px):
        return 1 - min(_MAX_DOUBT, max(_MIN_DOUBT, doubts))
    return 1.0


def _table_rows(places: Places) -> list[list[Cells]]:
    """The lines of each row of the table."""
    rows: list[list[Cells]] = []
    for row, is_start in zip(places.placed, places.starts, strict=True):
        if is_start or not rows:
            rows.append([])
        rows[-1].append(row)
    return rows


def _joined(row: Sequence[Cells]) -> Cells:
    """The lines of each cell of a row of the table."""
    return [[line for lines in cell for line in lines] for cell in zip(*row, strict=True)]


def _pairs(cells: Sequence[Sequence[Line]]) -> Iterator[tuple[Sequence[Line], Sequence[Line]]]:
    return pairwise([cell for cell in cells if cell])


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a table.

    Attributes:
        is_full: Whether each has text in nearly all rows.
        is_upper: Whether the texts of each begin with a capital, in nearly all rows.
        are_odd: Whether they, or some, have hardly any text, or two look like one.
        are_text: Whether two have several words in most cells, as columns of text do.
    """

    is_full: Sequence[bool]
    is_upper: Sequence[bool]
    are_odd: bool
    are_text: bool

    @classmethod
    def of(cls, rows: Sequence[Sequence[Cells]]) -> Self:
        """The columns of the lines of each row."""
        columns = list(zip(*map(_joined, rows), strict=True))
        filled = [sum(map(bool, column)) for column in columns]
        letters = [[cell[0].text[:1] for cell in column if cell] for column in columns]
        lower = [sum(map(str.islower, each)) for each in letters]
        upper = [sum(map(str.isupper, each)) for each in letters]
        empty, single = filled.count(0), filled.count(1)
        is_sparse = sum(filled) <= _HARDLY_FILLED * len(rows) * len(columns)
        return cls(
            [count >= _FILLED * len(rows) for count in filled],
            [a >= _UPPER * (a + b) > 0 for a, b in zip(upper, lower, strict=True)],
            is_sparse
            or empty > _MAX_EMPTY
            or (single > 0 and len(rows) >= _MANY_ROWS)
            or any(starmap(_is_one, pairwise(columns))),
            sum(map(_is_text, columns)) > 1,
        )


def _is_text(column: Sequence[Sequence[Line]]) -> bool:
    """Whether most cells of a column have several words."""
    counts = [len(line.text.split()) for cell in column for line in cell]
    return bool(counts) and median_low(counts) >= _MIN_WORDS


def _box(rows: Sequence[Sequence[Cells]]) -> Box:
    """The box around the text of a table."""
    return bounding_box(
        [line.box for row in rows for cells in row for cell in cells for line in cell]
    )


def _is_one(left: Sequence[Sequence[Line]], right: Sequence[Sequence[Line]]) -> bool:
    """Whether two columns of numbers have no row with both, not even a head."""
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a or b]
    if len(pairs) < _MANY_ROWS or any(a and b for a, b in pairs):
        return False
    return all(any(is_number(cell[0].text) for cell in side if cell) for side in (left, right))


def _is_divided(
    cell: Sequence[Line], upright: Sequence[Box], find_words: FindWords, em_px: float
) -> bool:
    """Whether wide space or a rule is between words of a cell on one baseline.

    The sign of a currency stands at the left edge of its column, apart from the amount.
    """
    spans = sorted(
        (begin, end, center_y(line))
        for line in cell
        if any(map(str.isalnum, line.text))
        for begin, end in find_words(line) or [(line.box[0], line.box[2])]
    )
    return any(
        begin - end > _APART_EM * em_px
        or any(end <= (x0 + x1) / 2 <= begin and y0 < y < y1 for x0, y0, x1, y1 in upright)
        for (_, end, y), (begin, _, _) in pairwise(spans)
    )


def _reaches_over(
    row: Sequence[Cells], places: Places, is_full: Sequence[bool], *, is_head: bool
) -> bool:
    """Whether text of a cell reaches into the next column, where other text of the row is.

    Or none is, and nearly all other rows have some: but for heads, which may be over several.
    """
    over = _OVER_EM * places.em_px
    filled = [any(cells) for cells in zip(*row, strict=True)]
    if sum(filled) < 2:
        return False
    for line in row:
        for i, edge in enumerate(places.edges):
            left, right = line[i], line[i + 1]
            if left and not right:
                other, reach = i + 1, max(each.box[2] for each in left) - edge
            elif right and not left:
                other, reach = i, edge - min(each.box[0] for each in right)
            else:
                continue
            if reach > over and (filled[other] or (is_full[other] and not is_head)):
                return True
    return False


def _may_continue(row: Cells, above: Cells, is_upper: Sequence[bool]) -> bool:
    """Whether a row looks like the next lines of cells above it.

    It has no first cell and begins in lower case; or a cell does in a column of capitals.
    """
    pairs = [(a, cell) for a, cell in zip(above, row, strict=True) if cell]
    if not row[0] and pairs and all(a and cell[0].text[:1].islower() for a, cell in pairs):
        return True
    return any(
        a and cell and cell[0].text[:1].islower() and of_capitals
        for a, cell, of_capitals in zip(above, row, is_upper, strict=True)
    )


def _are_beside(label: Cells, others: Cells) -> bool:
    """Whether a row of a first cell alone is beside one without: a label of several lines."""
    if not label[0] or any(label[1:]) or others[0] or sum(map(bool, others)) < 2:
        return False
    _, y0, _, y1 = bounding_box([line.box for line in label[0]])
    _, top, _, bottom = bounding_box([line.box for cell in others for line in cell])
    return min(y1, bottom) - max(y0, top) > _BESIDE * min(y1 - y0, bottom - top)


def _is_ruled(above: Sequence[Line], below: Sequence[Line], level: Sequence[Box]) -> bool:
    """Whether a rule is between two lines of a cell."""
    if not above or not below:
        return False
    x0, _, x1, _ = bounding_box([line.box for line in above])
    left, _, right, _ = bounding_box([line.box for line in below])
    high, low = max(map(center_y, above)), min(map(center_y, below))
    least = _ALONG * min(x1 - x0, right - left)
    start, end = max(x0, left), min(x1, right)
    return any(
        high < (rule[1] + rule[3]) / 2 < low and min(rule[2], end) - max(rule[0], start) >= least
        for rule in level
    )
