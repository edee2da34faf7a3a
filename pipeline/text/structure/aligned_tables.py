"""Finds tables that no region says, by rows whose cells are aligned. Pure and total."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from pipeline.text.layout.rows import Row
from pipeline.text.structure.markdown import has_label
from pipeline.text.structure.signs import LineSigns
from pipeline.text.structure.table_block import Table
from pipeline.text.structure.tables import grid

Paragraph = list[Row]

_CELL_EM: Final = 1.2
"""Minimum white space between two cells, in line heights."""
_MAX_STEP_EM: Final = 2.0
"""Maximum white space between two rows of a table, in line heights."""
_MIN_ROWS: Final = 3
_MIN_CELL_ROWS: Final = 0.5
"""Minimum share of rows with two cells or more."""
_MAX_LABEL_CHARS: Final = 60
"""Maximum length of a row with one cell."""
_LEADER: Final = re.compile(r"(?:[.\u00b7\u2026_]\s?){4,}|\u2026\s*\d+$")
_MIN_DOTS: Final = 4
"""That a leader of ASCII has."""


def tables(
    paragraphs: Sequence[Paragraph], signs: LineSigns
) -> list[tuple[list[Paragraph], Table | None]]:
    """The paragraphs in groups: those of a table with its cells, the others with None."""
    found: list[tuple[list[Paragraph], Table | None]] = []
    start = 0
    while start < len(paragraphs):
        end = _end_of_run(paragraphs, start, signs.em_px)
        cells = _cells(paragraphs[start:end], signs) if end > start else None
        end = max(end, start + 1)
        found.append((list(paragraphs[start:end]), cells))
        start = end
    return found


def _cells(run: Sequence[Paragraph], signs: LineSigns) -> Table | None:
    rows = [row for paragraph in run for row in paragraph]
    several = sum(_has_cells(row) for row in rows)
    if several < _MIN_ROWS or several < _MIN_CELL_ROWS * len(rows):
        return None
    return grid([line for row in rows for line in row.lines], signs)


def _end_of_run(paragraphs: Sequence[Paragraph], start: int, em_px: float) -> int:
    """The end of the paragraphs from `start` on that may be one table; `start` for none."""
    if not _is_tabular(paragraphs[start]):
        return start
    end = start + 1
    for i, (above, below) in enumerate(pairwise(paragraphs[start:]), start + 1):
        if not _is_next(above[-1], below[0], em_px):
            break
        if _continues(below):
            end = i + 1
        elif not _is_label(below):
            break
    return end


def _is_next(above: Row, below: Row, em_px: float) -> bool:
    gap = below.box[1] - above.box[3]
    is_near = -em_px < gap <= _MAX_STEP_EM * em_px
    return is_near and below.box[0] < above.box[2] and above.box[0] < below.box[2]


def _is_tabular(paragraph: Paragraph) -> bool:
    cells = sum(_has_cells(row) for row in paragraph)
    return 2 * cells >= len(paragraph)


def _continues(paragraph: Paragraph) -> bool:
    """Whether a paragraph below a table belongs to it: a cell may have several lines."""
    cells = sum(_has_cells(row) for row in paragraph)
    lengths = [len(line.text) for row in paragraph for line in row.lines]
    return 2 * cells >= len(paragraph) or (cells > 0 and max(lengths) <= _MAX_LABEL_CHARS)


def _is_label(paragraph: Paragraph) -> bool:
    """Whether a paragraph may be a row with a single cell."""
    if len(paragraph) > 1 or _has_leader(paragraph[0]):
        return False
    return sum(len(line.text) for line in paragraph[0].lines) <= _MAX_LABEL_CHARS


def _has_cells(row: Row) -> bool:
    gap_px = _CELL_EM * (row.box[3] - row.box[1])
    # The space behind a bullet or the number of a heading is as wide as that between cells.
    lines = row.lines[1:] if has_label(row) else row.lines
    is_wide = any(b.box[0] - a.box[2] > gap_px for a, b in pairwise(lines))
    return is_wide and not _has_leader(row)


def _has_leader(row: Row) -> bool:
    return any(_may_have_leader(line.text) and _LEADER.search(line.text) for line in row.lines)


def _may_have_leader(text: str) -> bool:
    """Whether a text may have a leader: cheaper to tell than by the pattern."""
    return not text.isascii() or text.count(".") + text.count("_") >= _MIN_DOTS
