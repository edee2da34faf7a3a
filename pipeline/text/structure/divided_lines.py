"""Divides lines at the columns of a table, by where their words stand. Pure.

Where the white space between two cells is no wider than a space or two, a text layer and an engine
give both cells as one line. Other rows of the table tell where the columns are: such a line is
divided between two words if a rule is drawn there, if the space is plainly wider than between other
words, or if what follows it stands in the column as the column's other cells do.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.text.layout.rows import Row
from pipeline.text.structure.joined_rules import is_level
from pipeline.text.structure.places import FindWords, part_of
from pipeline.text.structure.steps import middle, runs
from pipeline.text.structure.table_rows import is_number
from pipeline.text.word_spans import Span
from pipeline.types import Box, Line

_WIDE_EM: Final = 0.3
"""A space is wide if it has so many line heights ..."""
_WIDE: Final = 1.6
"""... and so many times the usual space of the table."""
_UNRULED: Final = 2.0
"""A space where the rule of a column is not drawn divides a line only if it is so much wider."""
_TYPED: Final = 0.08
"""Spaces of a line that differ by this share of their width are typed."""
_FINE_EM: Final = 0.05
"""Steps in which white space is looked for, in line heights."""
_MAX_BINS: Final = 8192
_MIN_CLEAR_EM: Final = 0.4
"""Minimum width of what almost no row covers between two columns, in line heights."""
_CROSSED: Final = 0.15
"""Maximum share of rows that cover it ..."""
_HEAD_ROWS: Final = 4
"""... and of this many rows one may."""
_MIN_APART: Final = 2
"""Minimum number of rows with a wide space there ..."""
_MIN_APART_RULED: Final = 4
"""... (between two rules) ..."""
_MIN_APART_SHARE: Final = 0.5
"""... and their minimum share."""
_MAX_HEAD: Final = 2
"""Rows at the top that may be the head: words above numbers."""
_ALIGNED_EM: Final = 0.1
"""Cells are aligned if their left or right edges, or their middles, differ by so much."""
_MIN_ALIGNED: Final = 2
"""Minimum number of cells that a part of a line is aligned with ..."""
_MIN_ALIGNED_SHARE: Final = 0.4
"""... and their minimum share of the column."""
_NUMBERS: Final = 0.7
"""A column is one of numbers if this share of its cells are."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a line and their places, px. Without places the line is one word."""

    line: Line
    texts: Sequence[str]
    spans: Sequence[Span]

    def is_typed_space(self, at: int) -> bool:
        """Whether the space before a word is as wide as most others of the line.

        Between two cells that is chance; a heading across columns has such spaces everywhere.
        """
        if len(self.spans) < 3:
            return False
        spaces = [high - low for low, high in starmap(_between, pairwise(self.spans))]
        usual = median(spaces[: at - 1] + spaces[at:])
        return abs(spaces[at - 1] - usual) <= _TYPED * usual

    def parts(self, starts: Iterable[int]) -> list[Line]:
        """The line divided before some words, as lines."""
        bounds = [0, *starts, len(self.texts)]
        return [self.part(a, b) for a, b in pairwise(bounds)] if len(bounds) > 2 else [self.line]

    def part(self, start: int, end: int) -> Line:
        spans = self.spans[start:end]
        x0, x1 = min(span[0] for span in spans), max(span[1] for span in spans)
        return part_of(self.line, " ".join(self.texts[start:end]), x0, x1)


def _words(line: Line, find: FindWords) -> _Words:
    texts = line.text.split()
    if len(texts) > 1:
        spans = find(line)
        if len(texts) == len(spans):
            return _Words(line, texts, spans)
    return _Words(line, [line.text], [(line.box[0], line.box[2])])


def _between(a: Span, b: Span) -> Span:
    """The space between two words, whichever is on the left."""
    return (a[1], b[0]) if a[0] <= b[0] else (b[1], a[0])


class DividedLines:
    """The rows of a table, whose lines can be divided.

    Attributes:
        is_known: Whether the places of any words are known.

    Args:
        found: The rows.
        find_words: Where the words of a line stand.
        em_px: The usual height of a line.
    """

    def __init__(self, found: Sequence[Row], find_words: FindWords, em_px: float) -> None:
        self._rows = found
        self._em_px, self._near_px = em_px, em_px / 3
        self._words = [[_words(line, find_words) for line in row.lines] for row in found]
        spaces = [
            high - low
            for row in self._words
            for words in row
            for low, high in starmap(_between, pairwise(words.spans))
        ]
        self.is_known = bool(spaces)
        self._wide_px = max(_WIDE_EM * em_px, _WIDE * median(spaces or [0.0]))

    def _wide(self, line: Line) -> float:
        """The width of a wide space, px; in a larger font it is larger."""
        return self._wide_px * max(1.0, (line.box[3] - line.box[1]) / self._em_px)

    def edges(self, box: Box, known: Sequence[float], down: Sequence[float]) -> list[float]:
        """The positions between columns, with those that the places of words tell.

        Args:
            box: The table's.
            known: Positions that its lines and rules say. What is not a rule may be moved to where
                fewer words are.
            down: Vertical rules.
        """
        x0, _, x1, _ = box
        bin_px = max(_FINE_EM * self._em_px, (x1 - x0) / _MAX_BINS, 1e-3)
        size = int((x1 - x0) / bin_px) + 2
        clusters = [self._clusters(row) for row in self._words]
        several = [row for row in clusters if len(row) > 1]
        rows = _covered(several, x0, bin_px, size)
        most = max(int(_CROSSED * len(several)), int(len(several) >= _HEAD_ROWS))
        spans = [[span for words in row for span in words.spans] for row in self._words]
        words = _covered(spans, x0, bin_px, size)
        found = list(known)
        for start, end in runs((rows <= most).tolist()):
            if start == 0 or end == size:
                continue
            low, high = x0 + start * bin_px, x0 + end * bin_px
            inside = [edge for edge in known if low <= edge <= high]
            at = x0 + middle(words[start:end], start) * bin_px
            if len(inside) == 1 and inside[0] not in down:
                found[found.index(inside[0])] = at
            elif not inside and high - low >= _MIN_CLEAR_EM * self._em_px:
                i = bisect(known, at)
                before = known[i - 1] if i else float("-inf")
                after = known[i] if i < len(known) else float("inf")
                sides = [_sides(row, before, at, after) for row in clusters]
                apart, either = sum(map(all, sides)), sum(map(any, sides))
                if apart >= max(
                    _MIN_APART_RULED if down else _MIN_APART, _MIN_APART_SHARE * either
                ):
                    found.append(at)
        return sorted(found)

    def _clusters(self, row: Sequence[_Words]) -> list[Span]:
        """The parts of a row between wide spaces."""
        found: list[Span] = []
        for words in row:
            parts = sorted(words.spans)
            merged = [parts[0]]
            for begin, end in parts[1:]:
                if begin - merged[-1][1] > self._wide(words.line):
                    merged.append((begin, end))
                else:
                    merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            found += merged
        return found

    def divided(self, edges: Sequence[float], rules: Sequence[Box]) -> list[Row]:
        """The rows, their lines divided at the columns.

        Args:
            edges: The positions between columns.
            rules: Straight lines of the page.
        """
        rules = [rule for rule in rules if not is_level(rule)]
        ruled = [
            edge for edge in edges if any(abs(rule[0] - edge) <= self._near_px for rule in rules)
        ]
        found = [[self._starts(words, edges, ruled, rules) for words in row] for row in self._words]
        cells = _Cells(edges, _ALIGNED_EM * self._em_px)
        for i, (row, starts) in enumerate(zip(self._words, found, strict=True)):
            for words, are_sure in zip(row, starts, strict=True):
                if all(are_sure.values()):
                    for part in words.parts(are_sure):
                        cells.add(part, is_head=i < _MAX_HEAD)
        return [
            _divided_row(row, words, starts, cells, is_head=i < _MAX_HEAD)
            for i, (row, words, starts) in enumerate(
                zip(self._rows, self._words, found, strict=True)
            )
        ]

    def _starts(
        self, words: _Words, edges: Sequence[float], ruled: Sequence[float], rules: Sequence[Box]
    ) -> dict[int, bool]:
        """The words that are the first of their line in a column, and whether they begin a cell.

        If not, they may. Where a column's rule is not drawn, a cell spans the columns.
        """
        if len(words.spans) < 2:
            return {}
        columns = [bisect(edges, (begin + end) / 2) for begin, end in words.spans]
        places = [i for i, (a, b) in enumerate(pairwise(columns), 1) if a != b]
        if not places:
            return {}
        if len(places) + 1 == len(columns) and all(map(is_number, words.texts)):
            return dict.fromkeys(places, True)
        _, y0, _, y1 = words.line.box
        near_px, y = self._em_px / 10, (y0 + y1) / 2
        found: dict[int, bool] = {}
        for i in places:
            low, high = _between(words.spans[i - 1], words.spans[i])
            first, last = sorted(columns[i - 1 : i + 1])
            crossed = [edge for edge in edges[first:last] if edge in ruled]
            level = [rule for rule in rules if rule[1] < y < rule[3]] if crossed else ()
            if any(low - near_px <= rule[2] and rule[0] <= high + near_px for rule in level):
                found[i] = True
            elif not crossed:
                found[i] = high - low > self._wide(words.line)
            elif high - low > _UNRULED * self._wide(words.line) or any(
                abs(rule[0] - edge) <= self._near_px for rule in level for edge in crossed
            ):
                found[i] = False
        return found


class _Cells:
    """Where the cells of each column stand.

    Args:
        edges: The positions between columns.
        near_px: Edges that differ by so much are aligned.
    """

    def __init__(self, edges: Sequence[float], near_px: float) -> None:
        self._edges, self._near_px = edges, near_px
        self._places: list[list[tuple[float, float, float]]] = [[] for _ in range(len(edges) + 1)]
        self._numbers = [0] * (len(edges) + 1)
        self._bodies = [0] * (len(edges) + 1)

    def _column(self, line: Line) -> int:
        x0, _, x1, _ = line.box
        return bisect(self._edges, (x0 + x1) / 2)

    def _is_inside(self, line: Line, column: int) -> bool:
        x0, _, x1, _ = line.box
        low = self._edges[column - 1] if column else float("-inf")
        high = self._edges[column] if column < len(self._edges) else float("inf")
        return x0 >= low - self._near_px and x1 <= high + self._near_px

    def add(self, line: Line, *, is_head: bool) -> None:
        """Take a line for a cell."""
        column = self._column(line)
        if self._is_inside(line, column):
            self._places[column].append(_marks(line))
            if not is_head:
                self._bodies[column] += 1
                self._numbers[column] += is_number(line.text)

    def are_beside(self, left: Line, right: Line, *, is_head: bool) -> bool:
        """Whether two parts of a line stand in their columns as the cells there do.

        The left one may be too long for its column: that is why they are one line.
        """
        is_inside = self._is_inside(right, self._column(right))
        return is_inside and self._fits(left, is_head) and self._fits(right, is_head)

    def _fits(self, line: Line, is_head: bool) -> bool:
        column = self._column(line)
        has_numbers = self._numbers[column] > _NUMBERS * self._bodies[column]
        if has_numbers and not is_head and not is_number(line.text):
            return False
        places, marks = self._places[column], _marks(line)
        least = max(_MIN_ALIGNED, _MIN_ALIGNED_SHARE * len(places))
        return any(
            sum(abs(place[side] - marks[side]) <= self._near_px for place in places) >= least
            for side in range(len(marks))
        )


def _marks(line: Line) -> tuple[float, float, float]:
    x0, _, x1, _ = line.box
    return x0, x1, (x0 + x1) / 2


def _divided_row(
    row: Row,
    words: Sequence[_Words],
    starts: Sequence[dict[int, bool]],
    cells: _Cells,
    *,
    is_head: bool,
) -> Row:
    lines: list[Line] = []
    if not any(starts):
        return row
    for each, are_sure in zip(words, starts, strict=True):
        lines += each.parts(_begins(each, are_sure, cells, is_head=is_head))
    if len(lines) == len(row.lines):
        return row
    return Row(tuple(sorted(lines, key=lambda line: line.box[0])), row.box)


def _begins(words: _Words, are_sure: dict[int, bool], cells: _Cells, *, is_head: bool) -> list[int]:
    """The words that begin a cell. A cell may be a word too long for its column."""
    begins: list[int] = []
    bounds = [0, *are_sure, len(words.texts)]
    for low, at, high in zip(bounds, bounds[1:], bounds[2:], strict=False):
        if are_sure[at]:
            begins.append(at)
            continue
        for begin in (at, at + 1, at - 1):
            if low < begin < high and not (is_head and words.is_typed_space(begin)):
                left, right = words.part(low, begin), words.part(begin, high)
                if cells.are_beside(left, right, is_head=is_head):
                    begins.append(begin)
                    break
    return begins


def _covered(
    rows: Iterable[Sequence[Span]], x0: float, bin_px: float, size: int
) -> npt.NDArray[np.int64]:
    """By how many rows each step is covered."""
    spans = [span for row in rows for span in row]
    if not spans:
        return np.zeros(size, np.int64)
    steps = np.clip((np.array(spans) - x0) / bin_px, 0, size - 1).astype(np.int64)
    begins = np.bincount(steps[:, 0], minlength=size + 1)
    ends = np.bincount(steps[:, 1] + 1, minlength=size + 1)
    covered: npt.NDArray[np.int64] = np.cumsum(begins - ends)[:size]
    return covered


def _sides(spans: Sequence[Span], low: float, x: float, high: float) -> tuple[bool, bool]:
    """Whether a row has text left and right of a position, between two others; or across it."""
    if any(begin < x < end for begin, end in spans):
        return False, True
    left = any(low < (begin + end) / 2 < x for begin, end in spans)
    return left, any(x < (begin + end) / 2 < high for begin, end in spans)
