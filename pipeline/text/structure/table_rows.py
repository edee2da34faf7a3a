"""Which lines of a table start a row, by its rules and by how far they are apart. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from pipeline.text.layout.rows import Row
from pipeline.text.structure.places import center_y

_MIN_BANDS: Final = 3
_MIN_BAND_SHARE: Final = 0.4
"""Rules separate the rows if there are this many for each line: not if only heads have them. ..."""
_MAX_BAND_LINES: Final = 8
"""... In a table with rules between the columns, if no row would have more lines than this ..."""
_MIN_LONG_CELL: Final = 0.7
"""... but for those of which one cell has at least this share of the lines, ..."""
_MAX_SEVERAL: Final = 0.5
"""... several cells have at most this share of them ..."""
_MAX_BAND_SHARE: Final = 0.5
"""... and which have at most this share of the table's lines: a drawing in a frame is no row."""
_MIN_SINGLE: Final = 3
"""Steps between rows of one line each that tell how far rows are apart ..."""
_STEP: Final = 0.96
"""... and a line so far below the one above, in such steps, is a row of its own."""
_NUMBER: Final = re.compile(
    r"[-+\u2212\u2013(]?[$€£¥]? ?\d[\d.,' ]*[%)]?[\xb9\xb2\xb3\u2070-\u2079]*"
)
_MIN_FILLED: Final = 3
"""Cells of a line that is a row although its first column is empty."""
_CONTINUES_EM: Final = 0.3
"""A line continues the cell above if it is nearer than the usual row by this, in line heights."""

Cells = Sequence[Sequence[Sequence[str]]]
"""The texts in each column, for each line of the table."""


def row_starts(
    found: Sequence[Row], cells: Cells, across: Sequence[float], em_px: float, *, has_columns: bool
) -> list[bool]:
    """Whether each line starts a row.

    Args:
        found: The lines on one baseline each, from the top.
        cells: Their texts in each column.
        across: Heights of the horizontal rules that run through the table.
        em_px: The usual height of a line, px.
        has_columns: Whether vertical rules separate the columns.
    """
    starts = _starts_by_rules(found, cells, across, has_columns)
    if starts is None:
        return _starts_by_gaps(found, cells, em_px)
    return _with_rows_without_rules(found, cells, starts)


def _starts_by_rules(
    found: Sequence[Row], cells: Cells, across: Sequence[float], has_columns: bool
) -> list[bool] | None:
    """Whether each line starts a row, by the rules; None where rules don't separate the rows."""
    bands = [sum(y < center_y(row.lines[0]) for y in across) for row in found]
    lines = Counter(bands)
    is_dense = len(lines) >= _MIN_BAND_SHARE * len(found)
    is_fine = has_columns and all(
        count <= _MAX_BAND_LINES
        or (count <= _MAX_BAND_SHARE * len(found) and _has_long_cell(bands, cells, band))
        for band, count in lines.items()
    )
    if len(lines) < _MIN_BANDS or not (is_dense or is_fine):
        return None
    return [True, *(above != below for above, below in pairwise(bands))]


def _has_long_cell(bands: Sequence[int], cells: Cells, band: int) -> bool:
    """Whether the lines between two rules are a row because one cell has many lines of text."""
    filled = [list(map(bool, row)) for at, row in zip(bands, cells, strict=True) if at == band]
    longest = max(map(sum, zip(*filled, strict=True)))
    several = sum(sum(row) > 1 for row in filled)
    return longest >= _MIN_LONG_CELL * len(filled) and several <= _MAX_SEVERAL * len(filled)


def _with_rows_without_rules(
    found: Sequence[Row], cells: Cells, starts: Sequence[bool]
) -> list[bool]:
    """The starts by rules, and those of rows between which no rule was found.

    Such a row has a number below a number and cells beside it, or all lines between two rules are
    as far from each other as rows of one line each; the lines of a cell stand closer. A number
    below a number may be in one cell with it: alone it is a row only where rows without a rule
    between them were found elsewhere in the table.
    """
    middles = [center_y(row.lines[0]) for row in found]
    places = [i for i, is_start in enumerate(starts) if is_start]
    bands = [slice(start, end) for start, end in pairwise([*places, len(found)])]
    least = _least_step(middles, bands)
    certain = [
        [True] * len(middles[band])
        if _are_apart(middles[band], cells[band], least)
        else _number_starts(cells[band], alone=False)
        for band in bands
    ]
    missed = sum(sum(band) > 1 for band in certain)
    result: list[bool] = []
    for band, sure in zip(bands, certain, strict=True):
        is_missed_elsewhere = missed > (sum(sure) > 1)
        alone = _number_starts(cells[band], alone=True) if is_missed_elsewhere else sure
        result += [a or b for a, b in zip(sure, alone, strict=True)]
    return result


def _least_step(middles: Sequence[float], bands: Sequence[slice]) -> float:
    """How far below the line above a line is that is a row of its own, infinite if unknown."""
    singles = [band.start for band in bands if band.stop - band.start == 1]
    steps = [
        middles[below] - middles[above] for above, below in pairwise(singles) if below == above + 1
    ]
    return _STEP * median(steps) if len(steps) >= _MIN_SINGLE else float("inf")


def _are_apart(middles: Sequence[float], band: Cells, least: float) -> bool:
    """Whether all lines between two rules are as far apart as rows, and have cells."""
    are_apart = all(below - above >= least for above, below in pairwise(middles))
    return are_apart and all(sum(map(bool, row)) >= 2 for row in band)


def _number_starts(band: Cells, *, alone: bool) -> list[bool]:
    """Whether each line between two rules has a number below one of the row that it would join.

    Args:
        band: The lines.
        alone: Whether that is enough. If not, the line has to fill the first column and another,
            or two beside the number.
    """
    result: list[bool] = []
    numbers: set[int] = set()
    for row in band:
        own = {column for column, cell in enumerate(row) if _is_number(cell)}
        filled = sum(map(bool, row))
        is_row = alone or filled >= _MIN_FILLED or (bool(row[0]) and filled > 1)
        result.append(not result or (is_row and bool(own & numbers)))
        numbers = own if result[-1] else numbers | own
    return result


def _is_number(cell: Sequence[str]) -> bool:
    return bool(cell) and all(is_number(text) for text in cell)


def is_number(text: str) -> bool:
    """Whether a text is a number, as an amount or a share."""
    return _NUMBER.fullmatch(text) is not None


def _starts_by_gaps(found: Sequence[Row], cells: Cells, em_px: float) -> list[bool]:
    """Whether each line starts a row: all but those that continue cells closely below."""
    gaps = [below.box[1] - above.box[3] for above, below in pairwise(found)]
    usual = median(gaps) if gaps else 0.0
    starts = [True]
    for gap, row, before in zip(gaps, cells[1:], cells, strict=False):
        continues = all(above for above, cell in zip(before, row, strict=True) if cell)
        is_near = gap < usual - _CONTINUES_EM * em_px
        starts.append(not (is_near and continues and not row[0]))
    return starts
