"""Lines of a typewriter font are told by the lengths of their boxes."""

from __future__ import annotations

import pytest

from pipeline.text.char_widths import text_width
from pipeline.text.monospaced import columns, is_monospaced

TEXTS = [
    "if (width < 12) return illi;",
    "MMM WWW = mmmmm(www, 1);",
    "for each: i, j, l in fill()",
    "while MAXIMUM > minimum do",
]


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_equal_widths_of_characters_are_a_typewriters(margin: float) -> None:
    assert is_monospaced([(text, 7 * (len(text) + margin)) for text in TEXTS]) is True
    assert is_monospaced([(text, 14 * text_width(text) + margin) for text in TEXTS]) is False


def test_few_or_short_lines_say_nothing() -> None:
    assert is_monospaced([(text, 7.0 * len(text)) for text in TEXTS[:2]]) is None
    assert is_monospaced([("short", 35.0)] * 9) is None


def test_wide_characters_take_two_places_and_marks_none() -> None:
    assert columns("a\u6f22e\u0301") == 4
