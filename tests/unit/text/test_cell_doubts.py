"""Tables whose words may be in wrong cells, as their places tell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.text.structure.cell_doubts import Places, certainty
from pipeline.types import Box, Line
from tests.unit.text.test_ruled_cells import CHAR_PX, EM_PX, words

STEP_PX = 30.0
COLUMN_PX = 200.0


def line(row: float, column: float, text: str) -> Line:
    """A line at the left of a cell of 200 by 30 px."""
    x, y = COLUMN_PX * column + 5, STEP_PX * row
    return Line(text, (x, y, x + CHAR_PX * len(text), y + EM_PX), 1.0)


def placed(rows: Sequence[Sequence[str]]) -> list[list[list[Line]]]:
    """The lines of a table, one in each cell that has text."""
    return [
        [[line(i, j, text)] if text else [] for j, text in enumerate(row)]
        for i, row in enumerate(rows)
    ]


def sure(
    cells: Sequence[Sequence[Sequence[Line]]],
    rules: Sequence[Box] = (),
    continued: Sequence[int] = (),
    shapes: Sequence[Box] = (),
) -> float:
    """How sure it is of a table, of which some rows continue those above."""
    starts = [i not in continued for i in range(len(cells))]
    edges = [COLUMN_PX * j for j in range(1, len(cells[0]))]
    return certainty(Places(cells, starts, edges, EM_PX), rules, shapes, words)


PRICES = [
    ["Item", "Made in", "Price"],
    ["Anchor", "Hull", "12.50"],
    ["Barrel", "Leith", "3.10"],
    ["Cable", "Hull", "48.00"],
    ["Davit", "Poole", "7.25"],
    ["Engine", "Leith", "990.00"],
    ["Fender", "Hull", "1.15"],
]


def test_a_plain_table_is_sure() -> None:
    assert sure(placed(PRICES)) == 1


def test_doubt_is_the_share_of_rows() -> None:
    cells = placed(PRICES)
    cells[3][1] = [line(3, 1, "Hull"), line(3, 1.5, "York")]
    assert sure(cells) == pytest.approx(1 - 1 / len(PRICES))
    long = [*PRICES, *PRICES[1:]]
    assert sure([*cells, *placed(long)[7:]]) == 0.9


def test_wide_space_in_a_cell_may_be_between_two() -> None:
    cells = placed(PRICES)
    cells[3][1] = [line(3, 1, "Hull"), line(3, 1.5, "York")]
    assert sure(cells) < 1


def test_the_sign_of_a_currency_is_apart_from_the_amount() -> None:
    cells = placed([[name, place, ""] for name, place, _ in PRICES])
    for i, (_, _, price) in enumerate(PRICES):
        cells[i][2] = [line(i, 2, "$"), line(i, 2.5, price)]
    assert sure(cells) == 1


def test_a_rule_between_words_of_a_cell_may_be_between_two() -> None:
    cells = placed([*PRICES[:3], ["Cable", "Hull York", "48.00"], *PRICES[4:]])
    middle = cells[3][1][0].box[0] + 4.5 * CHAR_PX
    assert sure(cells, [(middle, 80, middle + 1, 125)]) < 1
    assert sure(cells, [(middle, 130, middle + 1, 175)]) == 1


def test_a_rule_between_lines_of_a_cell_may_be_between_rows() -> None:
    cells = placed([*PRICES[:4], ["Rope", "", ""], *PRICES[4:]])
    assert sure(cells, [(0, 115, 180, 116)], continued=[4]) < 1
    assert sure(cells, [(0, 145, 180, 146)], continued=[4]) == 1
    assert sure(cells, [(200, 115, 580, 116)], continued=[4]) == 1


def test_text_that_reaches_over_an_empty_cell_may_be_of_two_cells() -> None:
    cells = placed([*PRICES[:3], ["Cable from the yard at Hull", "", "48.00"], *PRICES[4:]])
    assert sure(cells) < 1


def test_a_heading_may_reach_over_columns() -> None:
    assert sure(placed([["Prices of what was sold here", "", ""], *PRICES])) == 1
    assert sure(placed([*PRICES[:3], ["Prices of what was sold here", "", ""], *PRICES[3:]])) == 1


def test_a_head_over_columns_that_is_one_row_with_what_is_below_is_in_doubt() -> None:
    cells = placed([["", "Where it was made, and price", ""], *PRICES])
    assert sure(cells, continued=[1]) < 1


def test_a_row_without_its_first_cell_in_lower_case_may_continue_the_one_above() -> None:
    cells = placed([*PRICES[:4], ["", "or so", ""], *PRICES[4:]])
    assert sure(cells) < 1
    assert sure(placed([*PRICES[:4], ["", "York", "9.00"], *PRICES[4:]])) == 1


def test_lower_case_in_a_column_of_capitals_may_continue_the_cell_above() -> None:
    assert sure(placed([*PRICES[:4], ["of steel", "Hull", "9.00"], *PRICES[4:]])) < 1
    lower = [[name.lower(), *rest] for name, *rest in PRICES]
    assert sure(placed(lower)) == 1


def test_a_label_of_two_lines_beside_its_row_is_in_doubt() -> None:
    cells = placed(PRICES)
    label = [[line(3.6, 0, "And chain")], [], []]
    numbers = [[], *cells[4][1:]]
    assert sure([*cells[:4], numbers, label, *cells[5:]]) < 1


def test_a_column_with_a_single_text_is_odd_in_a_long_table() -> None:
    wide = [[*row, ""] for row in PRICES]
    wide[3][3] = "17"
    assert sure(placed(wide)) == 0.9
    assert sure(placed(wide[:5])) == 1


def test_columns_without_text_are_odd() -> None:
    assert sure(placed([[*row, ""] for row in PRICES])) == 1
    assert sure(placed([[*row, "", ""] for row in PRICES])) == 0.9


def test_two_columns_of_numbers_that_no_row_fills_are_one() -> None:
    split = [
        [name, *([price, ""] if i % 2 else ["", price])]
        for i, (name, _, price) in enumerate(PRICES[1:])
    ]
    assert sure(placed(split)) == 0.9
    assert sure(placed([["", "In", "Out"], *split])) == 1


def test_two_columns_of_text_without_rules_may_be_no_table() -> None:
    verses = [["Wind is in the sail", "We are on our way"], ["The", "Home"]]
    rows = [*verses[:1] * 5, *verses[1:]]
    assert sure(placed([[f"A{i}" for i in range(2)], *rows])) < 1
    assert sure(placed([[f"A{i}" for i in range(2)], *rows]), [(0, 25, 580, 26)]) == 1


def test_even_a_table_all_in_doubt_has_most_words_in_their_cells() -> None:
    cells = [[[line(i, 0, "Tin"), line(i, 0.5, "Zinc")], [line(i, 1, "7")]] for i in range(9)]
    assert sure(cells) == 0.8


def test_a_table_with_curves_on_it_may_be_a_figure() -> None:
    curve = (120.0, 10.0, 380.0, 60.0)
    assert sure(placed(PRICES), shapes=[curve]) == 0.9
    assert sure(placed(PRICES), shapes=[(120.0, 10.0, 200.0, 40.0)]) == 1
    assert sure(placed(PRICES), shapes=[(120.0, 310.0, 380.0, 360.0)]) == 1


def test_cells_that_are_hardly_filled_may_be_labels() -> None:
    labels = [["Sales", "", "Stock"], ["", "Yard", ""], ["Rope", "", ""], ["", "", "Mast"]]
    assert sure(placed(labels)) == 0.9
    assert sure(placed([*labels[:2], ["Rope", "Oar", "Sail"], labels[3]])) == 1
