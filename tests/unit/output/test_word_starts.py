from __future__ import annotations

import pytest

from pipeline.output.export.page_lines import PlacedLine, words
from pipeline.output.rows import line_of, line_row
from pipeline.text.word_spans import word_spans
from pipeline.types import Line


def test_a_word_and_its_space_share_what_lies_between_two_starts() -> None:
    spans = word_spans(["abc", "d", "ef"], [0.0, 0.4, 0.8], len)
    assert spans == [(0.0, pytest.approx(0.3)), (0.4, pytest.approx(0.6)), (0.8, 1.0)]


def test_starts_that_are_not_those_of_the_words_say_nothing() -> None:
    assert word_spans(["abc", "d"], [0.0], len) == []
    assert word_spans(["abc"], [], len) == []
    assert word_spans([], [], len) == []


@pytest.mark.parametrize("starts", [(0, 0.5, 0.5), (0, 0.5, 1), (0, 0, 0.5), (0, 0.6, 0.5)])
def test_starts_that_leave_a_word_no_place_say_nothing(starts: tuple[float, ...]) -> None:
    assert word_spans(["a", "b", "c"], starts, len) == []


@pytest.mark.parametrize("starts", [(0, 0.5, 0.5), (0, 0.5, 1), (0, 0.3, 0.6)])
def test_every_word_of_a_line_has_a_box_of_some_width(starts: tuple[float, ...]) -> None:
    found = words(PlacedLine("a b c", (10.0, 0.0, 40.0, 10.0), word_starts=starts))
    assert [word.text for word in found] == ["a", "b", "c"]
    assert all(word.box[0] < word.box[2] for word in found)


def test_starts_and_angles_are_kept_in_rows_and_absent_from_rows_of_earlier_versions() -> None:
    line = Line("ab cd", (1.0, 2.0, 31.0, 12.0), 0.5, (0.0, 0.6125), -1.5)
    assert line_of(line_row(line)) == line
    added = ("word_starts", "skew_deg")
    earlier = {name: value for name, value in line_row(line).items() if name not in added}
    assert line_of(earlier) == Line("ab cd", (1.0, 2.0, 31.0, 12.0), 0.5)
