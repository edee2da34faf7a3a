from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.output import schema
from pipeline.types import Block, PageRef, PageResult, Recognition, Status
from tests.support.strategies import results


@given(st.lists(results(), max_size=4))
def test_from_table_of_to_table_is_the_same(pages: list[PageResult]):
    table = schema.to_table(pages)
    assert table.schema == schema.PAGES
    assert schema.from_table(table) == pages


def test_blocks_have_points_beside_pixels():
    ref = PageRef("/a.pdf", "d", 1, 1, "application/pdf", 612.0, 792.0)
    block = Block("text", "x", (0.0, 165.0, 1275.0, 1650.0), 0.5)
    page = PageResult(
        *("p", "c", "r"), ref, Recognition(Status.OK, "x", (block,)), width_px=1275, height_px=1650
    )
    [row] = schema.to_table([page]).to_pylist()
    expected = {"x0": 0.0, "y0": 79.2, "x1": 612.0, "y1": 792.0}
    for corner, points in row["blocks"][0]["box_pt"].items():
        assert abs(points - expected[corner]) < 0.001


def test_points_are_null_where_the_page_has_no_size():
    ref = PageRef("/a.png", "d", 1, 1, "image/png", 0.0, 0.0)
    block = Block("text", "x", (0.0, 0.0, 5.0, 5.0))
    page = PageResult("p", "c", "r", ref, Recognition(Status.OK, "x", (block,)), width_px=9)
    [row] = schema.to_table([page]).to_pylist()
    assert row["blocks"][0]["box_pt"] is None
    assert row["blocks"][0]["box_px"]["x1"] == 5.0


@given(st.lists(st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=4))
def test_pictures_travel_unchanged_and_without_a_copy(sizes: list[tuple[int, int] | None]):
    rng = np.random.default_rng(0)
    pictures = [
        None if size is None else rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes
    ]
    buffers = schema.buffers_of(schema.binary_column(pictures))
    assert len(buffers) == len(pictures)
    for picture, buffer in zip(pictures, buffers, strict=True):
        if picture is None:
            assert schema.picture_of(buffer, (0, 0, 3)) is None
            continue
        back = schema.picture_of(buffer, picture.shape)
        assert np.array_equal(back, picture)
        assert np.shares_memory(back, picture)


def test_every_column_of_the_output_is_in_the_readme():
    from tests.support.job_process import ROOT

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in schema.PAGES.names if f"| `{name}` |" not in readme]
    assert missing == []


def test_pictures_are_found_in_slices_and_joined_chunks():
    pictures = [np.full((2, 2, 3), shade, np.uint8) for shade in range(5)]
    joined = schema.binary_column(pictures).combine_chunks()
    column = pa.chunked_array([joined.slice(1, 3), joined.slice(4)])
    shades = [schema.picture_of(buffer, (2, 2, 3))[0, 0, 0] for buffer in schema.buffers_of(column)]
    assert shades == [1, 2, 3, 4]


def test_an_empty_column_of_pictures_is_fine():
    assert schema.binary_column([]).type == pa.large_binary()
