"""The text of a page as elements: what they are, and that no word is lost."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.output.export.elements import Element, Item, Role, elements
from pipeline.output.export.tables import Cell, html_cells, pipe_cells, size
from pipeline.types import Block
from tests.support.exports import page


def of(*blocks: Block) -> list[Element]:
    parts = []
    for number, block in enumerate(blocks, 1):
        if block.kind == "image":
            parts.append(f"![image](#block-{number})")
        parts.append(block.text)
    return elements(page("/in/a.pdf", 1, "\n\n".join(filter(None, parts)), blocks=blocks))


def one(kind: str, text: str) -> Element:
    (element,) = of(Block(kind, text))
    return element


def test_kinds_of_blocks_become_roles() -> None:
    assert (one("title", "# A\nname").role, one("title", "A\nname").text) == ("heading", "A name")
    assert (one("sub_title", "## Part").text, one("sub_title", "Part").level) == ("Part", 2)
    assert one("text", "### Deep").level == 3
    assert one("header", "# of pages: 3").text == "# of pages: 3"
    assert one("footnote", "- a note").role is Role.FOOTNOTE
    assert one("table_caption", "Table 1").role is Role.CAPTION
    assert one("equation", "$$x = 1$$").text == "x = 1"
    assert one("unheard_of", "words").role is Role.PARAGRAPH


def test_a_list_keeps_its_numbers_as_printed() -> None:
    found = one("list", "- a dash\n  goes on\n3. three\nb) letter")
    assert found.items == (Item("", "a dash goes on"), Item("3.", "three"), Item("b)", "letter"))


def test_a_name_with_an_initial_is_no_list() -> None:
    assert one("text", "A. Smith wrote this.").role is Role.PARAGRAPH
    assert one("text", "1. first\n2. second").role is Role.LIST


def test_a_block_may_have_text_around_a_table() -> None:
    cells = "<table><tr><td>1</td><td><table><tr><td>in</td></tr></table></td></tr></table>"
    before, table, after = of(Block("text", f"before{cells}after\nit", (1, 2, 3, 4)))
    assert (before.text, after.text, table.text) == ("before", "after\nit", cells)
    assert [cell.text for cell in table.cells] == ["1", "in"]
    assert {each.box for each in (before, table, after)} == {(1, 2, 3, 4)}


def test_what_a_model_wrote_outside_of_its_regions_is_there_too() -> None:
    blocks = [Block("image", "", (1, 2, 3, 4)), Block("text", "known", (5, 6, 7, 8))]
    found = elements(page("/in/a", 1, "more\n\n![image](#block-1)\n\nknown", blocks=blocks))
    assert [(each.role, each.text) for each in found] == [
        ("paragraph", "more"),
        ("figure", ""),
        ("paragraph", "known"),
    ]
    assert (found[1].block, found[1].box) == (1, (1, 2, 3, 4))


KINDS = ("text", "title", "list", "table", "image", "header", "equation", "footnote")
BLOCKS = st.lists(
    st.builds(Block, st.sampled_from(KINDS), st.text("ab1|#-<>$/table\n .", max_size=60)),
    max_size=5,
)


@given(BLOCKS)
def test_no_word_of_a_block_is_lost(blocks: list[Block]) -> None:
    words = re.findall(
        r"[ab1]{2,}", " ".join(block.text for block in blocks if "<" not in block.text)
    )
    found = " ".join(
        f"{each.text} {' '.join(item.text for item in each.items)}" for each in of(*blocks)
    )
    assert [word for word in words if word not in found] == []


@given(st.text(max_size=80), st.lists(st.sampled_from(["<table>", "<tr>", "<td>", "</td>", "x"])))
def test_any_text_has_elements(text: str, tags: list[str]) -> None:
    for element in of(Block("table", text + "".join(tags))):
        assert element.text
        rows, columns = size(element.cells)
        assert len({(cell.row, cell.column) for cell in element.cells}) == len(element.cells)
        assert rows * columns >= len(element.cells)


def test_pipes_are_cells_and_an_escaped_pipe_is_text() -> None:
    lines = [r"| a | b\|c |", "| --- | :-: |", "| 1 |  |"]
    assert pipe_cells(lines) == (
        Cell(0, 0, "a", is_head=True),
        Cell(0, 1, "b|c", is_head=True),
        Cell(1, 0, "1"),
        Cell(1, 1, ""),
    )
    assert pipe_cells(["| a |", "| b |"]) == ()


def test_cells_of_html_stand_after_those_that_reach_down() -> None:
    markup = (
        "<table><tr><th colspan=2>ab</th><th rowspan='2'>c</th></tr>"
        "<tr><td>1<sup>2</sup><td>x &lt; y<br>z</td></tr><tr><td>end</table>"
    )
    assert html_cells(markup) == (
        Cell(0, 0, "ab", columns=2, is_head=True),
        Cell(0, 2, "c", rows=2, is_head=True),
        Cell(1, 0, "1<sup>2</sup>"),
        Cell(1, 1, "x < y\nz"),
        Cell(2, 0, "end"),
    )
    assert size(html_cells(markup)) == (3, 3)


def test_spans_that_nobody_can_mean_are_bounded() -> None:
    (cell,) = html_cells("<table><tr><td colspan=99999999 rowspan=x>a</td></tr></table>")
    assert (cell.columns, cell.rows) == (100, 1)
