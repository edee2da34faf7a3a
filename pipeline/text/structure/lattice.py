"""The cells that the rules of a table enclose. Pure and total."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.text.layout.rows import bounding_box
from pipeline.text.structure.joined_rules import is_level
from pipeline.text.structure.places import touch
from pipeline.text.word_spans import Span
from pipeline.types import Box

_NEAR_EM: Final = 1 / 3
"""Rules that are so near each other, in line heights, are one: also the two of a double rule."""
_DRAWN: Final = 0.7
"""A rule is between two cells if it runs along this share of their side."""
_MAX_LEVELS: Final = 200
_MAX_COLUMNS: Final = 64
"""More rules than these are those of a drawing."""

Cell = tuple[int, int]
"""The first row and column of a cell."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Rules that cross each other.

    Attributes:
        xs: Positions of vertical rules, px, the table's sides included.
        ys: Heights of horizontal rules, px.
        first: The cell that each row and column is part of; those that are part of no rectangle
            are not in it.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    first: dict[Cell, Cell]

    def cell(self, x: float, y: float) -> Cell | None:
        """The cell at a position, None for no rectangle."""
        row = min(max(bisect(self.ys, y) - 1, 0), len(self.ys) - 2)
        column = min(max(bisect(self.xs, x) - 1, 0), len(self.xs) - 2)
        return self.first.get((row, column))

    def columns(self, cell: Cell) -> int:
        """How many columns a cell spans."""
        row, column = cell
        end = column + 1
        while self.first.get((row, end)) == cell:
            end += 1
        return end - column

    def width(self, cell: Cell) -> float:
        """The width of a cell, px."""
        return self.xs[cell[1] + self.columns(cell)] - self.xs[cell[1]]


@dataclass(frozen=True, slots=True)
class _Side:
    """Rules on one line.

    Attributes:
        at: Their place.
        parts: From where to where they run.
    """

    at: float
    parts: Sequence[Span]

    def is_drawn(self, low: float, high: float) -> bool:
        """Whether they run between two cells."""
        covered, end = 0.0, low
        for begin, stop in self.parts:
            covered += max(0.0, min(stop, high) - max(begin, end))
            end = max(end, min(stop, high))
        return covered >= _DRAWN * (high - low)


def lattice(box: Box, rules: Sequence[Box], em_px: float) -> Lattice | None:
    """The cells of a table, None where not enough rules cross each other.

    Args:
        box: The box around its text.
        rules: Straight lines that the page draws.
        em_px: The usual height of a line.
    """
    x0, y0, x1, y1 = box
    near = _NEAR_EM * em_px
    grown = x0 - em_px, y0 - em_px, x1 + em_px, y1 + em_px
    # Rules end where the outer cells do, which may be far from their text.
    reach = bounding_box([grown, *(rule for rule in rules if touch(rule, grown))])
    level: list[tuple[float, Span]] = []
    upright: list[tuple[float, Span]] = []
    for rule in rules:
        left, top, right, bottom = rule
        if touch(rule, reach):
            if is_level(rule):
                level.append(((top + bottom) / 2, (left, right)))
            else:
                upright.append(((left + right) / 2, (top, bottom)))
    across = _with_ends(_sides(level, near), y0 + near, y1 - near)
    down = _with_ends(_sides(upright, near), x0 + near, x1 - near)
    if not (3 <= len(across) <= _MAX_LEVELS and 3 <= len(down) <= _MAX_COLUMNS):
        return None
    xs, ys = [side.at for side in down], [side.at for side in across]
    return Lattice(xs, ys, _merged(across, down))


def _sides(parts: Iterable[tuple[float, Span]], near: float) -> list[_Side]:
    groups: list[tuple[float, list[Span]]] = []
    for at, span in sorted(parts):
        if groups and at - groups[-1][0] <= near:
            groups[-1][1].append(span)
        else:
            groups.append((at, [span]))
    return [_Side(at, sorted(spans)) for at, spans in groups]


def _with_ends(sides: Sequence[_Side], low: float, high: float) -> list[_Side]:
    """The rules, with one on each side of the text, whether there are several there or none."""
    before = [side for side in sides if side.at <= low]
    after = [side for side in sides if side.at >= high]
    inner = [side for side in sides if low < side.at < high]
    first = max((side.at for side in before), default=low)
    last = min((side.at for side in after), default=high)
    return [_one(before, first), *inner, _one(after, last)]


def _one(sides: Sequence[_Side], at: float) -> _Side:
    anywhere = (float("-inf"), float("inf"))
    return _Side(at, sorted(part for side in sides for part in side.parts) or [anywhere])


def _merged(across: Sequence[_Side], down: Sequence[_Side]) -> dict[Cell, Cell]:
    """The first of the places that each is one with; none of those that make no rectangle.

    Such is the space between the two lines of a double rule around a table.
    """
    first: dict[Cell, Cell] = {}

    def root(cell: Cell) -> Cell:
        while first[cell] != cell:
            cell = first[cell]
        return cell

    def join(a: Cell, b: Cell) -> None:
        low, high = sorted((root(a), root(b)))
        first[high] = low

    for i, (top, bottom) in enumerate(pairwise([side.at for side in across])):
        for j, (left, right) in enumerate(pairwise([side.at for side in down])):
            first[i, j] = (i, j)
            if i and not across[i].is_drawn(left, right):
                join((i, j), (i - 1, j))
            if j and not down[j].is_drawn(top, bottom):
                join((i, j), (i, j - 1))
    members: defaultdict[Cell, list[Cell]] = defaultdict(list)
    for cell in first:
        members[root(cell)].append(cell)
    rectangles = [group for group in members.values() if _is_rectangle(group)]
    return {cell: min(group) for group in rectangles for cell in group}


def _is_rectangle(cells: Sequence[Cell]) -> bool:
    rows, columns = ({cell[side] for cell in cells} for side in (0, 1))
    return len(cells) == (1 + max(rows) - min(rows)) * (1 + max(columns) - min(columns))
