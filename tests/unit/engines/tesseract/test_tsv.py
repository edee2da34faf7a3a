"""Words of Tesseract as lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.tesseract.tsv import lines

Word = tuple[str, int, int]
"""Text, left edge and width; 20 px high."""


def tsv(*rows: list[Word], score: int = 90) -> str:
    head = "1\t1\t0\t0\t0\t0\t0\t0\t900\t900\t-1\t"
    table = [head]
    for number, words in enumerate(rows, 1):
        top = 40 * number
        table.append(f"4\t1\t1\t1\t{number}\t0\t0\t{top}\t900\t20\t-1\t")
        for place, (text, left, width) in enumerate(words, 1):
            cells = (5, 1, 1, 1, number, place, left, top, width, 20, score, text)
            table.append("\t".join(map(str, cells)))
    return "\n".join(table) + "\n"


def test_words_become_lines_with_boxes_and_scores() -> None:
    found = list(lines(tsv([("two", 10, 30), ("words", 48, 50)], [("below", 10, 50)])))
    assert [(line.text, line.box) for line in found] == [
        ("two words", (10, 40, 98, 60)),
        ("below", (10, 80, 60, 100)),
    ]
    assert {line.score for line in found} == {0.9}


def test_cells_far_apart_are_lines_of_their_own() -> None:
    found = list(lines(tsv([("name", 10, 40), ("and", 56, 30), ("12.50", 300, 50)])))
    assert [line.text for line in found] == ["name and", "12.50"]


def test_right_to_left_words_keep_their_order() -> None:
    found = list(lines(tsv([("כל", 300, 30), ("בני", 262, 30), ("האדם", 214, 40)])))
    assert [line.text for line in found] == ["כל בני האדם"]
    assert found[0].box == (214, 40, 330, 60)


def test_scripts_without_spaces_get_one_only_at_a_gap() -> None:
    found = list(lines(tsv([("人", 10, 20), ("人", 31, 20), ("自由", 53, 40), ("生", 120, 20)])))
    assert [line.text for line in found] == ["人人自由 生"]


def test_what_has_no_text_is_left_out() -> None:
    assert [line.text for line in lines(tsv([(" ", 0, 900)], [("x", 1, 9)]))] == ["x"]
    assert list(lines("")) == []


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert all(line.text for line in lines(text))
