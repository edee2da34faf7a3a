"""Where readers find the words of a searchable PDF whose lines say where their words begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.types import Line
from tests.support.pdf_readers import READERS
from tests.unit.output.export.test_searchable_pdf import LETTER, exported, original, read

__all__ = ["original"]

TEXT = "WAVE illicit fill MAMMOTH"
STARTS = (0.0, 0.31, 0.55, 0.64)
BOX = (100.0, 200.0, 700.0, 230.0)
"""Pixels at 144 dpi."""


@pytest.mark.parametrize("reader", READERS)
def test_words_begin_where_the_line_says(reader: str, original: Path, tmp_path: Path) -> None:
    exported([read(original, Line(TEXT, BOX, 0.9, STARTS))], tmp_path)
    found = READERS[reader](tmp_path / "to" / "a.pdf.searchable.pdf", LETTER)
    assert [word for word, _ in found] == TEXT.split()
    expected = [50 + 300 * share for share in STARTS]
    assert [box[0] for _, box in found] == pytest.approx(expected, abs=1)
    assert found[-1][1][2] == pytest.approx(350, abs=1)


@pytest.mark.parametrize("starts", [(), (0.0, 0.5)])
def test_words_are_estimated_where_the_line_does_not_say(
    starts: tuple[float, ...], original: Path, tmp_path: Path
) -> None:
    exported([read(original, Line(TEXT, BOX, 0.9, starts))], tmp_path)
    found = READERS["MuPDF"](tmp_path / "to" / "a.pdf.searchable.pdf", LETTER)
    assert [word for word, _ in found] == TEXT.split()
    assert found[0][1][0] == pytest.approx(50, abs=1)
    assert found[-1][1][2] == pytest.approx(350, abs=1)
