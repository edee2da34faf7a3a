from __future__ import annotations

import pytest

from pipeline.evaluation import tables
from pipeline.evaluation.table_grid import grids_of

PIPES = "| town | ships |\n| --- | --- |\n| Bergen | 4 |\n"
HTML = (
    "<table><thead><tr><th>town</th><th>ships</th></tr></thead>"
    "<tbody><tr><td> Bergen</td><td>4 </td></tr></tbody></table>"
)
SPANS = (
    "<table><tr><td rowspan=2>year</td><td colspan=2>ships</td></tr>"
    "<tr><td>in</td><td>out</td></tr><tr><td>1890</td><td>7</td><td>8</td></tr></table>"
)


def test_a_table_with_pipes_is_that_of_html() -> None:
    assert tables.tables_of(PIPES) == tables.tables_of(HTML)
    assert tables.tables_of(f"text\n\n{PIPES}\n\n{SPANS}\n")[1].count("<td") == 7
    assert tables.tables_of("no | table") == ()


def test_signs_of_html_in_a_cell_stay_text() -> None:
    (found,) = tables.tables_of("| a |\n| --- |\n| 1 < 2 & <script>x</script> |\n")
    assert "<script" not in found
    assert "1 &lt; 2 &amp;" in found


def test_equal_tables_have_similarity_1_and_a_missing_cell_costs_its_share() -> None:
    (true,) = tables.tables_of(PIPES)
    assert tables.teds(true, true) == 1
    # table, 2 rows and 4 cells are 7 nodes; one is missing
    assert tables.teds(true.replace("<td>4</td>", ""), true) == pytest.approx(6 / 7)


def test_tables_are_paired_by_likeness_and_a_missing_one_has_0() -> None:
    one, other = tables.tables_of(PIPES)[0], tables.tables_of(SPANS)[0]
    assert tables.table_score([other, one], [one, other]) == 1
    assert tables.table_score([other], [one, other]) == pytest.approx(0.5, abs=0.35)
    assert tables.table_score([one], [one, one]) == 0.5
    assert tables.table_score([], [one]) == 0
    assert tables.table_score([one], []) is None


def test_too_large_tables_are_not_compared() -> None:
    large = f"<table><tr>{'<td>1</td>' * (tables.MAX_CELLS + 1)}</tr></table>"
    assert tables.table_score([large], [large]) is None
    assert tables.table_score([large], [tables.tables_of(PIPES)[0]]) == 0


def test_a_grid_knows_the_neighbours_of_cells_that_span() -> None:
    cells = {cell.text: cell for cell in grids_of(SPANS)[0].cells}
    assert cells["1890"].above == ["year"]
    assert cells["7"].above == ["in"]
    assert cells["7"].top_headings == ["ships", "in"]
    assert cells["out"].above == ["ships"]
    assert cells["8"].left_headings == ["1890", "7"]
    assert cells["year"].right == ["ships", "in"]
    assert cells["in"].below == ["7"]


def test_spans_without_end_are_bounded() -> None:
    rows = '<tr><td rowspan="499" colspan="499">x</td></tr>' * 50
    assert len(grids_of(f"<table>{rows}</table>")[0].places) < 40_000


@pytest.mark.parametrize("span", ["\u00b2", "9" * 5000, "-1", "x", ""])
def test_a_span_that_is_no_number_is_none(span: str) -> None:
    made = tables.html_tables(f'<table><tr><td colspan="{span}">a</td></tr></table>')
    assert made == ["<table><tr><td>a</td></tr></table>"]
