from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.output import rows, schema
from pipeline.types import Block, PageRef, PageResult, Recognition, Status
from tests.support.strategies import results


@given(st.lists(results(), max_size=4))
def test_rows_of_results_become_the_same_results(pages: list[PageResult]):
    table = rows.pages_table(pages)
    assert table.schema == schema.PAGES
    assert rows.page_results(table) == pages


def test_blocks_have_points_beside_pixels():
    ref = PageRef("/a.pdf", "d", 1, 1, "application/pdf", 612.0, 792.0)
    block = Block("text", "x", (0.0, 165.0, 1275.0, 1650.0), 0.5)
    page = PageResult(ref, Recognition(Status.OK, "x", (block,)), width_px=1275, height_px=1650)
    [row] = rows.pages_table([page]).to_pylist()
    expected = {"x0": 0.0, "y0": 79.2, "x1": 612.0, "y1": 792.0}
    for corner, points in row["blocks"][0]["box_pt"].items():
        assert abs(points - expected[corner]) < 0.001


def test_points_are_null_where_the_page_has_no_size():
    ref = PageRef("/a.png", "d", 1, 1, "image/png", 0.0, 0.0)
    block = Block("text", "x", (0.0, 0.0, 5.0, 5.0))
    page = PageResult(ref, Recognition(Status.OK, "x", (block,)), width_px=9)
    [row] = rows.pages_table([page]).to_pylist()
    assert row["blocks"][0]["box_pt"] is None
    assert row["blocks"][0]["box_px"]["x1"] == 5.0


def test_rows_from_before_there_were_lines_are_read():
    ref = PageRef("/a.pdf", "d", 1, 1, "application/pdf", 612.0, 792.0)
    page = PageResult(ref, Recognition(Status.OK, "x", (Block("text", "x"),)))
    table = rows.pages_table([page]).drop_columns(["lines"])
    assert rows.page_results(table) == [page]


def test_every_column_of_the_output_is_in_the_readme():
    from tests.support.job_process import ROOT

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in schema.PAGES.names if f"| `{name}` |" not in readme]
    assert missing == []
