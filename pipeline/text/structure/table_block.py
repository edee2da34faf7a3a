"""The block of a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from pipeline.text.layout.rows import bounding_box
from pipeline.text.structure.markdown import Kind
from pipeline.text.structure.pipe_tables import Grid, pipes
from pipeline.types import Block, Line


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a table.

    Attributes:
        cells: Their texts; all rows have as many.
        certainty: How sure it is that words are in their cells, as far as their places tell.
    """

    cells: Grid
    certainty: float = 1.0


def table_block(lines: Sequence[Line], table: Table) -> Block:
    """The block of a table that some lines are."""
    box = bounding_box([line.box for line in lines])
    score = fmean(line.score for line in lines)
    return Block(Kind.TABLE, pipes(table.cells), box, score, table.certainty)
