"""`pipeline.evaluation.unmarked`: Markdown and plain text of a page become the same text."""

from __future__ import annotations

import pytest

from pipeline.evaluation.unmarked import without_marks
from pipeline.text.structure.markdown import Kind, markdown
from pipeline.types import Block

BOX = (0.0, 0.0, 9.0, 9.0)


def test_marks_of_structure_are_left_out() -> None:
    table = "| port | dues |\n| --- | --- |\n| a \\| b | 12 |"
    blocks = [
        Block(Kind.TITLE, "# Harbour", BOX, 1.0),
        Block(Kind.IMAGE, "", BOX, 1.0),
        Block(Kind.LIST, "- tides\n- ships", BOX, 1.0),
        Block(Kind.TABLE, table, BOX, 1.0),
    ]
    plain = without_marks(markdown(blocks)).split()
    assert plain == ["Harbour", "tides", "ships", "port", "dues", "a", "|", "b", "12"]


def test_a_list_of_bullets_is_the_same_as_a_list_of_dashes() -> None:
    assert without_marks("• tides\n•ships") == without_marks("- tides\n- ships") == "tides\nships"


@pytest.mark.parametrize(
    "text", ["item #3 of 4", "a|b", "| x", "3 - 2", "#tag", "---", "![a](b.png)"]
)
def test_plain_text_is_left_as_it_is(text: str) -> None:
    assert without_marks(text) == text
