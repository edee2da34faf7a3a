"""The words of lines in the content stream of invisible text."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from pipeline.documents.page_text import PageText, TextRun
from pipeline.documents.pdf.invisible_font import InvisibleFont
from pipeline.documents.pdf.invisible_text import content
from pipeline.documents.pdf.searchable import SearchablePdf
from pipeline.documents.pdf.text_steps import steps
from tests.support.pdf_readers import READERS, Geometry

BOX = (100.0, 100.0, 700.0, 130.0)
LETTER = Geometry(size_pt=(612, 792), crop=(0, 0, 612, 792))


def words(run: TextRun, reader: str, folder: Path) -> list[str]:
    """The words that a reader finds on a page with a line."""
    path = folder / "page.pdf"
    with pymupdf.open() as document:
        document.new_page(width=612, height=792)
        document.save(path)
    copy = SearchablePdf(str(path), "", 10)
    assert copy.add([PageText(1, 1224, 1584, (run,))]) == ()
    copy.close()
    return [word for word, _ in READERS[reader](path, LETTER)]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "starts", [(0.0, 0.5, 0.5), (0.0, 0.5, 1.0), (0.0, 0.0, 0.5), (0.0, 0.3, 0.6)]
)
def test_every_word_comes_back_wherever_it_begins(
    starts: tuple[float, ...], reader: str, tmp_path: Path
) -> None:
    run = TextRun("a b c", BOX, word_starts=starts)
    assert words(run, reader, tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("is_monospaced", [True, False])
def test_a_word_without_a_width_is_not_dropped(is_monospaced: bool) -> None:
    run = TextRun("ab \u0301 cd", BOX, word_starts=(0.0, 0.4, 0.6), is_monospaced=is_monospaced)
    font = InvisibleFont()
    stream = content(PageText(1, 1224, 1584, (run,)), (0.5, 0, 0, -0.5, 0, 792), font, "F")
    assert font.encode("\u0301").hex().encode() in stream


def texts(strings: list[tuple[str, float, float]], most: float) -> list[str]:
    """The texts of the steps of strings."""
    found = list(steps(strings, most))
    assert sum(part for step in found for _, _, part in step) == pytest.approx(
        sum(part for _, _, part in strings)
    )
    assert all(width > 0 for step in found for _, width, _ in step)
    return ["".join(text for text, _, _ in step) for step in found]


def test_a_step_has_as_many_words_as_fit() -> None:
    whole = [("aaaa bbbb cccc dddd", 8.0, 190.0)]
    assert texts(whole, 100) == ["aaaa bbbb ", "cccc dddd"]
    assert texts(whole, 300) == ["aaaa bbbb cccc dddd"]
    # A word is not divided for being a little too long.
    assert texts(whole, 30) == ["aaaa ", "bbbb ", "cccc ", "dddd"]
    placed = [("aaaa", 2.0, 60.0), (" ", 0.3, 5.0), ("bbbb", 2.0, 30.0)]
    assert texts(placed, 70) == ["aaaa ", "bbbb"]


def test_long_words_and_scripts_without_spaces_are_divided() -> None:
    assert texts([("." * 40, 12.0, 400.0)], 55) == ["." * 5] * 8
    assert texts([("\u6f22" * 10, 11.0, 100.0)], 35) == ["\u6f22" * 3] * 3 + ["\u6f22"]


def test_marks_stay_with_the_letters_that_they_are_on() -> None:
    assert texts([("e\u0301" * 6, 3.6, 600.0)], 100) == ["e\u0301"] * 6
    assert texts([("\u0301a b\u0301", 1.5, 20.0)], 5) == ["\u0301a ", "b\u0301"]
