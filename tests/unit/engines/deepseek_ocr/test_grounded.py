"""A page in DeepSeek-OCR's grammar, written and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.deepseek_ocr import grounded, output
from pipeline.types import Block, Box

WIDTH, HEIGHT = 1000, 1400
words = st.text("abcdefg .,", min_size=1, max_size=40).map(str.strip).filter(bool)
edges = st.tuples(*[st.integers(0, WIDTH)] * 2, *[st.integers(0, HEIGHT)] * 2)


def box_of(at: tuple[int, int, int, int]) -> Box:
    x0, x1, y0, y1 = *sorted(at[:2]), *sorted(at[2:])
    return (x0, y0, x1 + 20, y1 + 20)


blocks = st.builds(
    Block, st.sampled_from(["text", "title", "sub_title", "footer"]), words, edges.map(box_of)
)


@given(st.lists(blocks, min_size=1, max_size=8))
def test_what_is_written_is_read_again(page: list[Block]) -> None:
    text = grounded.write(page, WIDTH + 20, HEIGHT + 20)
    _, found = output.parse(text, WIDTH + 20, HEIGHT + 20)
    assert [(block.kind, block.text) for block in found] == [
        (block.kind, " ".join(block.text.split())) for block in page
    ]
    for block, other in zip(page, found, strict=True):
        assert other.box == pytest.approx(block.box, abs=1.5)


def test_a_list_is_a_region_for_each_item() -> None:
    text = grounded.write([Block("list", "- a\n- b", (0, 0, 10, 10))], 10, 10)
    head = "<|ref|>text<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>"
    assert text == f"{head}\n- a\n\n{head}\n- b"


def test_a_table_is_html_on_one_line() -> None:
    table = "| a | b \\| c |\n| --- | --- |\n| 1 < 2 |  |"
    [line] = grounded.write([Block("table", table, (0, 0, 9, 9))], 9, 9).splitlines()[1:]
    assert line == (
        "<table><tr><td>a</td><td>b | c</td></tr><tr><td>1 &lt; 2</td><td></td></tr></table>"
    )
    html = "<table>\n<tr><td>x</td></tr>\n</table>"
    assert grounded.write([Block("table", html, None)], 9, 9).endswith(" ".join(html.split()))


def test_a_table_without_cells_is_text() -> None:
    text = grounded.write([Block("table", "Sold\nout", (0, 0, 9, 9))], 9, 9)
    assert text == "<|ref|>text<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>\nSold out"


def test_a_picture_has_its_box_and_its_text_follows() -> None:
    text = grounded.write([Block("image", "Fig. 1\nYears", (0, 0, 5, 5))], 10, 10)
    assert text.splitlines() == [
        "<|ref|>image<|/ref|><|det|>[[0, 0, 500, 500]]<|/det|>",
        "",
        "<|ref|>text<|/ref|><|det|>[[0, 0, 500, 500]]<|/det|>",
        "Fig. 1 Years",
    ]


def test_a_block_without_a_box_has_that_of_the_page() -> None:
    assert "[[0, 0, 999, 999]]" in grounded.write([Block("text", "a")], 100, 200)
    assert "[[0, 0, 0, 0]]" in grounded.write([Block("text", "a")], 0, 0)
