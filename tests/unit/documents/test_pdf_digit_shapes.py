"""`pipeline.documents.pdf.digit_shapes`: digits whose glyphs have no names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymupdf
import pytest
from pymupdf import mupdf

from benchmarks.broken_fonts import is_refused, page, stored, without_names
from pipeline.documents.pdf.digit_shapes import looks_like_other

DIGITS = "0123456789"


@pytest.mark.parametrize("name", ["cjk", "helv", "tiro", "cour"])
def test_a_digit_looks_like_itself_and_not_like_most_others(name: str) -> None:
    font = pymupdf.Font(name).this
    found = 0
    for char in DIGITS:
        index = mupdf.fz_encode_character(font, ord(char))
        assert not looks_like_other(font.m_internal, index, char)
        found += sum(looks_like_other(font.m_internal, index, said) for said in DIGITS)
    assert found >= 85, "of 90 wrong ones"


@pytest.mark.parametrize(("char", "said"), [("+", "1"), ("=", "8"), ("<", "7")])
def test_a_sign_does_not_look_like_a_digit(char: str, said: str) -> None:
    font = pymupdf.Font("cjk").this
    index = mupdf.fz_encode_character(font, ord(char))
    assert looks_like_other(font.m_internal, index, said)


def test_a_glyph_without_an_outline_looks_like_nothing() -> None:
    font = pymupdf.Font("helv").this
    space = mupdf.fz_encode_character(font, ord(" "))
    assert not looks_like_other(font.m_internal, space, "1")


@pytest.mark.parametrize(
    ("fault", "is_wrong"),
    [("digits exchanged", True), ("plus stored as a digit", True), ("none", False)],
)
def test_numbers_in_a_font_without_names_are_believed_where_they_are_right(
    fault: str, is_wrong: bool, tmp_path: Path
) -> None:
    font = without_names(pymupdf.Font("cjk").buffer)  # the one in PyMuPDF that is TrueType
    random = np.random.default_rng(1)
    content = page(font, stored(fault, random), random)
    assert is_refused(content, tmp_path / "page.pdf") == is_wrong
