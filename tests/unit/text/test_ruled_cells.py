"""Tables whose rules say the cells, and those that they don't."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.structure.places import FindWords
from pipeline.text.structure.ruled_cells import ruled_cells
from pipeline.text.word_spans import Span
from pipeline.types import Box, Line

EM_PX = 20.0
CHAR_PX = 10.0
WIDTH_PX, HEIGHT_PX = 200.0, 60.0
"""Of a cell."""


def words(line: Line) -> list[Span]:
    """Where the words of a line stand, all characters as wide."""
    x, spans = line.box[0], []
    for text in line.text.split():
        spans.append((x, x + CHAR_PX * len(text)))
        x += CHAR_PX * (len(text) + 1)
    return spans


@dataclass
class Page:
    """A table that is drawn: cells of 200 by 60 px from (100, 100) on."""

    lines: list[Line] = field(default_factory=list)
    rules: list[Box] = field(default_factory=list)
    find_words: FindWords = words

    def text(self, row: float, column: float, *texts: str, step: float = 24.0) -> None:
        """Lines at the top left of a cell."""
        for i, text in enumerate(texts):
            x, y = 105 + WIDTH_PX * column, 104 + HEIGHT_PX * row + step * i
            self.lines.append(Line(text, (x, y, x + CHAR_PX * len(text), y + EM_PX), 1.0))

    def frame(self, row: int, column: int, rows: int = 1, columns: int = 1) -> None:
        """The four sides of a cell that spans some."""
        x0, y0 = 100 + WIDTH_PX * column, 100 + HEIGHT_PX * row
        x1, y1 = x0 + WIDTH_PX * columns, y0 + HEIGHT_PX * rows
        self.rules += [(x0, y, x1, y + 1) for y in (y0, y1)]
        self.rules += [(x, y0, x + 1, y1) for x in (x0, x1)]

    def grid(self, texts: Sequence[Sequence[str]]) -> None:
        """A cell each, with its frame; none where the text is empty."""
        for (i, row), j in product(enumerate(texts), range(len(texts[0]))):
            self.frame(i, j)
            if row[j]:
                self.text(i, j, row[j])

    def cells(self) -> list[list[str]] | None:
        """What its rules say."""
        return ruled_cells(self.lines, self.rules, self.find_words, EM_PX)


FEES = [["Ship", "Fee", "Paid"], ["Anna", "12.50", "yes"], ["Berta", "", "no"]]


def test_a_cell_is_what_rules_enclose() -> None:
    page = Page()
    page.grid(FEES)
    assert page.cells() == FEES


def test_a_line_over_several_cells_is_divided_at_their_rules() -> None:
    page = Page()
    page.grid([FEES[0], ["", "", "yes"], FEES[2]])
    page.lines.append(Line("Anna Maria 12.50", (175.0, 164.0, 365.0, 184.0), 1.0))
    starts = (175.0, 225.0, 310.0)
    page.find_words = lambda line: (
        [(x, x + 50) for x in starts] if line.text.startswith("Anna") else words(line)
    )
    assert page.cells() == [FEES[0], ["Anna Maria", "12.50", "yes"], FEES[2]]


def test_a_cell_of_several_rows_is_in_the_first() -> None:
    page = Page()
    for i in range(2):
        page.frame(2 * i, 0, rows=2)
        page.text(2 * i + 0.5, 0, f"Port {i}")
        for j in range(2):
            page.frame(2 * i + j, 1)
            page.text(2 * i + j, 1, f"berth {i}{j}")
    assert page.cells() == [
        ["Port 0", "berth 00"],
        ["", "berth 01"],
        ["Port 1", "berth 10"],
        ["", "berth 11"],
    ]


def test_a_cell_of_several_columns_is_in_the_first() -> None:
    page = Page()
    page.frame(0, 0, rows=2)
    page.text(0.5, 0, "Site")
    page.frame(0, 1, columns=2)
    page.text(0, 1.4, "Coordinates")
    for j, text in enumerate(("North", "East"), 1):
        page.frame(1, j)
        page.text(1, j, text)
    for j, text in enumerate(("Quay", "54", "55")):
        page.frame(2, j)
        page.text(2, j, text)
    assert page.cells() == [
        ["Site", "Coordinates", ""],
        ["", "North", "East"],
        ["Quay", "54", "55"],
    ]


def test_lines_of_a_cell_are_one_text() -> None:
    page = Page()
    page.grid(FEES)
    page.lines.pop(0)
    page.text(0, 0, "Ships that have", "tied up here")
    assert page.cells() == [["Ships that have tied up here", *FEES[0][1:]], *FEES[1:]]


def test_the_outer_line_of_a_double_frame_makes_no_cells() -> None:
    page = Page()
    page.grid(FEES)
    x0, y0, x1, y1 = 91.0, 91.0, 109 + 3 * WIDTH_PX, 109 + 3 * HEIGHT_PX
    page.rules += [(x0, y, x1, y + 1) for y in (y0, y1)] + [(x, y0, x + 1, y1) for x in (x0, x1)]
    assert page.cells() == FEES


def test_sides_that_are_not_drawn_are_at_the_end_of_the_text() -> None:
    page = Page()
    page.grid(FEES)
    ends = 100.0, 100 + 3 * WIDTH_PX
    page.rules = [rule for rule in page.rules if rule[2] - rule[0] > 1 or rule[0] not in ends]
    assert page.cells() == FEES


def test_notes_in_a_last_row_across_the_table_may_be_apart() -> None:
    page = Page()
    page.grid(FEES)
    page.frame(3, 0, columns=3)
    page.text(3, 0, "Harbour")
    page.text(3, 2, "2026")
    assert page.cells() == [*FEES, ["Harbour 2026", "", ""]]


def test_a_word_on_two_sides_of_a_rule_says_that_the_rules_are_wrong() -> None:
    page = Page()
    page.grid(FEES)
    page.text(1, 0.9, "Southwark")
    assert page.cells() is None


def test_columns_without_rules_are_not_joined() -> None:
    page = Page()
    page.grid(FEES)
    for i in (1, 2):
        page.text(i, 1.7, "net")
    assert page.cells() is None


def test_amounts_below_each_other_are_rows() -> None:
    page = Page()
    page.grid([["Ship", "Fee"], ["", ""], ["Berta", "9"]])
    page.text(1, 0, "Anna and", "Clara")
    page.text(1, 1, "12", "17")
    assert page.cells() is None


def test_short_lines_side_by_side_are_rows() -> None:
    page = Page()
    page.grid([["Ship", "Cargo"], ["", ""], ["Berta", "tin"]])
    page.text(1, 0, "Anna", "Clara")
    page.text(1, 1, "lead", "coal")
    assert page.cells() is None


def test_long_lines_side_by_side_are_the_text_of_a_cell() -> None:
    page = Page()
    page.grid([["Ship", "Cargo"], ["", ""], ["Berta", "tin"]])
    page.text(1, 0, "The steamship Anna", "Leonora")
    page.text(1, 1, "Lead and also coal", "bunkered here")
    assert page.cells() == [
        ["Ship", "Cargo"],
        ["The steamship Anna Leonora", "Lead and also coal bunkered here"],
        ["Berta", "tin"],
    ]


def test_paragraphs_apart_in_cells_side_by_side_are_rows() -> None:
    page = Page()
    tall = 4 * HEIGHT_PX
    page.grid([["Ship", "Cargo"]])
    page.rules += [(x, 160.0, x + 1, 160 + tall) for x in (100.0, 300.0, 500.0)]
    page.rules.append((100.0, 160 + tall, 500.0, 161 + tall))
    for i in (0, 1):
        page.text(1 + 2 * i, 0, "The steamship Anna", "Leonora of Hull")
        page.text(1 + 2 * i, 1, "Lead and also coal", "bunkered in May")
    assert page.cells() is None


def test_boxes_of_a_drawing_are_no_table() -> None:
    page = Page()
    for i in range(4):
        page.frame(i, 0)
        page.text(i, 0, f"Step {i}")
    assert page.cells() is None


def test_a_page_in_a_frame_is_no_table() -> None:
    page = Page()
    page.grid([["Form", "12"], ["Of", "2026"]])
    page.frame(2, 0, rows=6, columns=2)
    page.text(2, 0, *(f"Line {i} of the letter goes on" for i in range(14)))
    assert page.cells() is None


Cuts = list[tuple[int, int, int, int]]
"""Row, column, rows and columns of each cell."""


@st.composite
def partitions(draw: st.DrawFn) -> tuple[int, int, Cuts]:
    """Rows, columns, and cells that fill them."""
    height, width = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    free = set(product(range(height), range(width)))
    cells: Cuts = []
    while free:
        row, column = min(free)
        rows = draw(st.integers(1, 2))
        columns = draw(st.integers(1, 2))
        if not {(row + i, column + j) for i in range(rows) for j in range(columns)} <= free:
            rows = columns = 1
        free -= {(row + i, column + j) for i in range(rows) for j in range(columns)}
        cells.append((row, column, rows, columns))
    return height, width, cells


@given(partitions(), st.randoms(use_true_random=False))
def test_no_text_is_in_another_cell(table: tuple[int, int, Cuts], order: random.Random) -> None:
    height, width, cuts = table
    page = Page()
    wanted = [[""] * width for _ in range(height)]
    for n, (row, column, rows, columns) in enumerate(cuts):
        page.frame(row, column, rows, columns)
        page.text(row, column, f"cell{n}")
        wanted[row][column] = f"cell{n}"
    order.shuffle(page.lines)
    found = page.cells()
    is_plain = all(cut[2:] == (1, 1) for cut in cuts)
    assert found is not None or not is_plain
    if found is not None:
        starts = sorted({column for _, column, _, _ in cuts})
        filled = sorted({row for row, _, _, _ in cuts})
        assert found == [[wanted[i][j] for j in starts] for i in filled]
