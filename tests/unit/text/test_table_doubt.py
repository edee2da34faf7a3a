"""Tables whose words are in wrong cells are in doubt, and right ones are not."""

from __future__ import annotations

import pytest

from pipeline.text.table_doubt import table_certainty

HEAD = ["Name", "Place", "Tons", "Amount"]
ROWS = [
    ["Anna", "Port Ellery", "12", "1,250.00"],
    ["Berta", "Northquay", "9", "75.00"],
    ["Clara of 1901", "Ellery", "107", "$ 18.25"],
    ["Dora", "Bay", "3", "(64.10)"],
    ["Emma", "Old Harbour", "64", "9 400.00"],
]


def certainty(*rows: list[str], head: list[str] = HEAD) -> float | None:
    return table_certainty([[head, *rows]])


def test_a_table_with_all_words_in_their_cells_is_certain() -> None:
    assert certainty(*ROWS) == 1


def test_there_is_no_certainty_without_a_table() -> None:
    assert table_certainty([]) is None


@pytest.mark.parametrize(
    "row",
    [
        ["Frieda", "Northquay 88", "", "12.00"],  # a number in the cell beside its own
        ["Frieda", "Northquay", "", "88 12.00"],  # two columns of numbers in one cell
        ["Frieda", "Northquay", "88 14", "12.00 9.50"],  # two rows in one
        ["Frieda", "Northquay", "LARGE (10 and above) 14", "12.00"],  # a heading and its first row
    ],
)
def test_a_row_that_differs_from_the_others_is_in_doubt(row: list[str]) -> None:
    found = certainty(*ROWS, row)
    assert found is not None
    assert found < 0.9
    long = certainty(*ROWS * 5, row)
    assert long == 0.9  # a single row counts a tenth


@pytest.mark.parametrize(
    "row",
    [
        ["Cargo of the year 1901", "", "", ""],  # a heading
        ["Frieda", "Northquay", "", "12.00"],
        ["Frieda", "Northquay", "n/a", "12.00"],
        ["Frieda", "Bay 7 of 1901", "8", "12.00"],
        ["Frieda", "Northquay", "1 250", "12 %"],
        ["Frieda", "Northquay", "14 est.", "12.00 c"],
    ],
)
def test_headings_empty_cells_and_numbers_among_words_are_no_doubt(row: list[str]) -> None:
    assert certainty(*ROWS, row) == 1


def test_a_head_without_cells_beside_cells_of_two_is_in_doubt() -> None:
    rows = [[name, f"{place} {tons}", "", amount] for name, place, tons, amount in ROWS]
    found = certainty(*rows)
    assert found is not None
    assert found <= 0.5


def test_the_least_certain_table_counts() -> None:
    wrong = [["a", "1 2"], ["b", "3"], ["c", "4"], ["d", "5"], ["e", "6"]]
    assert table_certainty([[HEAD, *ROWS], [["x", "y"], *wrong]]) == pytest.approx(0.8)


def test_rows_of_a_model_may_have_other_numbers_of_cells() -> None:
    assert certainty(*ROWS, ["Frieda"], ["Gerda", "Bay", "1", "2.00", "x"]) == 1
