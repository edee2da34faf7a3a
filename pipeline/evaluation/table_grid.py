"""Tables as grids: which cells are beside, above and below each cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import html

from pipeline.evaluation.tables import html_tables, tables_of

_MAX_SPAN: Final = 100
"""Rows or columns that a cell spans at most."""
_MAX_PLACES: Final = 20_000
"""Places of a table: its further rows are left out."""


@dataclass(slots=True)
class Cell:
    """A cell, and the texts around it. One that spans several rows has several neighbours.

    Attributes:
        text: Its text.
        above: The cells that touch it from above.
        below: From below.
        left: From the left.
        right: From the right.
        top_headings: All cells above it, in its columns.
        left_headings: All cells left of it, in its rows.
    """

    text: str
    above: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    top_headings: list[str] = field(default_factory=list)
    left_headings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a table, by row and column; a cell that spans is in several places."""

    places: dict[tuple[int, int], Cell]

    @property
    def cells(self) -> Iterator[Cell]:
        """Each cell once."""
        return iter({id(cell): cell for cell in self.places.values()}.values())


def grids_of(text: str, pipes: bool = True) -> list[Grid]:
    """The tables of a text as grids.

    Args:
        text: Markdown.
        pipes: Whether tables with pipes count, or those in HTML alone.
    """
    found = tables_of(text) if pipes else html_tables(text)
    return [_grid(table) for table in found]


def _grid(table: str) -> Grid:
    places: dict[tuple[int, int], Cell] = {}
    for row, element in enumerate(html.fragment_fromstring(table).iter("tr")):
        column = 0
        if len(places) > _MAX_PLACES:
            break
        for found in element:
            while (row, column) in places:
                column += 1
            cell = Cell(found.text_content())
            for down in range(_span(found.get("rowspan"))):
                for along in range(_span(found.get("colspan"))):
                    places.setdefault((row + down, column + along), cell)
    _link(places)
    return Grid(places)


def _span(value: str | None) -> int:
    return min(int(value), _MAX_SPAN) if value else 1


def _link(places: dict[tuple[int, int], Cell]) -> None:
    for (row, column), cell in places.items():
        _add(cell, cell.above, places.get((row - 1, column)))
        _add(cell, cell.below, places.get((row + 1, column)))
        _add(cell, cell.left, places.get((row, column - 1)))
        _add(cell, cell.right, places.get((row, column + 1)))
        for above in range(row):
            _add(cell, cell.top_headings, places.get((above, column)))
        for before in range(column):
            _add(cell, cell.left_headings, places.get((row, before)))


def _add(cell: Cell, texts: list[str], other: Cell | None) -> None:
    if other is not None and other is not cell and other.text.strip():
        texts.append(other.text)
