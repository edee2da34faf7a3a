"""The cells of tables, from pipes or HTML. Pure and total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from pipeline.text.structure.pipe_tables import cells_of

_MAX_SPAN: Final = 100
"""Maximum of a cell's spans: a loop of a model can have any number."""
_MAX_COLUMNS: Final = 1000
"""Cells from this column on span one."""
_CELLS: Final = frozenset({"td", "th"})
_KEPT: Final = frozenset({"sup", "sub"})
"""Tags in a cell that stay in its text, as in text outside of tables."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        row: Its row, from 0.
        column: Its first column, from 0.
        text: Its text.
        rows: Rows that it spans.
        columns: Columns that it spans.
        is_head: Whether it is a head of rows or columns.
    """

    row: int
    column: int
    text: str
    rows: int = 1
    columns: int = 1
    is_head: bool = False


Cells = tuple[Cell, ...]


def size(cells: Sequence[Cell]) -> tuple[int, int]:
    """Rows and columns of a table."""
    return (
        max((cell.row + cell.rows for cell in cells), default=0),
        max((cell.column + cell.columns for cell in cells), default=0),
    )


def pipe_cells(lines: Sequence[str]) -> Cells:
    """The cells of a table of pipes; none where the lines are no such table."""
    return tuple(
        Cell(row, column, text, is_head=row == 0)
        for row, texts in enumerate(cells_of(lines))
        for column, text in enumerate(texts)
    )


def html_cells(markup: str) -> Cells:
    """The cells of an HTML table; a table in a cell is text of the cell."""
    parser = _TableParser()
    parser.feed(markup)
    parser.close()
    parser.end_cell()
    return tuple(parser.cells)


class _TableParser(HTMLParser):
    """Collects cells, and finds their columns as HTML does: after those that reach down."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.cells: list[Cell] = []
        self._row, self._column = -1, 0
        self._reach: dict[int, int] = {}
        """The first row below the cell in a column that reaches down."""
        self._text: list[str] | None = None
        self._tag, self._rows, self._columns = "", 1, 1
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
        elif self._depth > 1:
            self._add(" ")
        elif tag == "tr":
            self.end_cell()
            self._row, self._column = self._row + 1, 0
        elif tag in _CELLS:
            self.end_cell()
            self._row = max(self._row, 0)
            values = dict(attrs)
            self._text, self._tag = [], tag
            self._rows, self._columns = _span(values, "rowspan"), _span(values, "colspan")
        elif tag == "br":
            self._add("\n")
        elif tag in _KEPT:
            self._add(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._depth -= 1
        elif self._depth == 1 and tag in _CELLS:
            self.end_cell()
        elif tag in _KEPT:
            self._add(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._add(data)

    def _add(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end_cell(self) -> None:
        """Take the open cell, if there is one."""
        if self._text is None:
            return
        while self._reach.get(self._column, 0) > self._row:
            self._column += 1
        text, is_head = "".join(self._text).strip(), self._tag == "th"
        if self._column >= _MAX_COLUMNS:
            self._columns = 1
        self._text = None
        self.cells.append(Cell(self._row, self._column, text, self._rows, self._columns, is_head))
        for column in range(self._column, self._column + self._columns):
            self._reach[column] = self._row + self._rows
        self._column += self._columns


def _span(values: dict[str, str | None], name: str) -> int:
    stated = values.get(name) or ""
    return min(max(int(stated), 1), _MAX_SPAN) if stated.isdecimal() and len(stated) < 9 else 1
