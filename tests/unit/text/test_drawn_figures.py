"""Figures whose labels stand in rows and columns, told from tables by what is drawn there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.text.layout.rows import rows
from pipeline.text.structure.drawn_figures import is_figure, may_be_figure
from pipeline.types import Box, Line
from tests.unit.text.test_cell_doubts import COLUMN_PX, STEP_PX, line
from tests.unit.text.test_ruled_cells import EM_PX

Cells = Sequence[Sequence[str]]

# The labels of the axes of a chart on the left and the right of it, and one in it.
CHART = [
    ["54", "", "0.50"],
    ["53", "", "0.48"],
    ["52", "Income", "0.46"],
    ["51", "", "0.44"],
    ["50", "", "0.42"],
    ["49", "", "0.40"],
    ["1997", "1999", "2001"],
]
CURVES = [(100.0, 10.0, 380.0, 150.0), (120.0, 60.0, 390.0, 170.0)]


def lines(cells: Cells) -> list[Line]:
    return [line(i, j, text) for i, row in enumerate(cells) for j, text in enumerate(row) if text]


def is_drawn(cells: Cells, shapes: Sequence[Box]) -> bool:
    return is_figure(rows(lines(cells)), cells, shapes, EM_PX)


def below(shape: Box, down: float) -> Box:
    x0, y0, x1, y1 = shape
    return x0, y0 + down, x1, y1 + down


def test_labels_around_curves_are_those_of_a_figure() -> None:
    assert is_drawn(CHART, CURVES)
    assert not is_drawn(CHART, [])


def test_curves_elsewhere_on_the_page_say_nothing() -> None:
    assert not is_drawn(CHART, [below(curve, 300) for curve in CURVES])


def test_a_single_shape_may_be_a_stroke_through_a_table() -> None:
    assert not is_drawn(CHART, CURVES[:1])


def test_a_mark_at_a_cell_makes_no_figure() -> None:
    marks = [(0.0, 25.0, 60.0, 55.0), (200.0, 115.0, 260.0, 145.0)]
    assert not is_drawn(CHART, marks)


def test_shapes_of_the_size_of_letters_make_no_figure() -> None:
    letters = [
        (x, y, x + 15, y + 20) for x in range(0, 480, 16) for y in range(0, 200, int(STEP_PX))
    ]
    assert not is_drawn(CHART, letters)
    assert is_drawn(CHART, [(x0, y0, x0 + 40, y1 + 10) for x0, y0, _, y1 in letters])


def test_a_shape_around_a_table_makes_no_figure() -> None:
    around = (-20.0, -20.0, 600.0, 300.0)
    assert not is_drawn(CHART, [around, (-30.0, -30.0, 610.0, 310.0)])
    assert is_drawn(CHART, [around, *CURVES])


def test_a_table_beside_a_figure_is_one() -> None:
    table = [["Ship", "Cargo"], ["Anna", "Tin"], ["Berta", "Wool"], ["Clara", "Rope"]]
    beside = [[*row, "", label] for row, label in zip(table, ("9", "8", "7", "6"), strict=True)]
    curves = [(420.0, 0.0, 590.0, 80.0), (430.0, 20.0, 590.0, 110.0)]
    assert not is_drawn(beside, curves)
    over = [(x0 - 300, y0, x1, y1) for x0, y0, x1, y1 in curves]
    assert is_drawn(beside, over)


def test_many_rows_beside_a_figure_are_a_table_though_it_has_more() -> None:
    table = [["Ship", "Cargo", ""] for _ in range(6)]
    chart = [[str(n), "", f"{n} %"] for n in range(20, 0, -1)]
    curves = [(100.0, 0.0, 380.0, 400.0), (120.0, 100.0, 390.0, 600.0)]
    assert not is_drawn([*table, *chart], [below(curve, 185) for curve in curves])
    assert is_drawn([*table[:5], *chart], [below(curve, 155) for curve in curves])


def test_a_table_with_text_in_most_cells_is_one_under_any_mark() -> None:
    full = [[f"{i}.{j}" for j in range(3)] for i in range(5)]
    across = [(0.0, 0.0, 500.0, 80.0), (10.0, 40.0, 500.0, 140.0)]
    assert not is_drawn(full, across)
    assert is_drawn([row if i % 2 else [row[0], "", ""] for i, row in enumerate(full)], across)
    assert is_drawn(full[:3], [(0.0, 0.0, 500.0, 70.0), *across[1:]])


def test_lines_of_no_height_have_no_share() -> None:
    flat = [replace(each, box=(each.box[0], 0.0, each.box[2], 0.0)) for each in lines(CHART)]
    assert not is_figure(rows(flat), CHART, [below(curve, 50) for curve in CURVES], EM_PX)


@pytest.mark.parametrize(("height", "expected"), [(15.0, False), (40.0, True)])
def test_shapes_on_a_part_of_a_table_are_a_doubt(height: float, expected: bool) -> None:
    shape = (0.0, 10.0, COLUMN_PX, 10.0 + height)
    assert may_be_figure((0.0, 0.0, 2 * COLUMN_PX, 150.0), [shape], EM_PX) is expected
