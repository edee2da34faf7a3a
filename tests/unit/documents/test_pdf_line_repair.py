"""`pipeline.documents.pdf.line_repair` and `exponents`: words that MuPDF gives in pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

from pipeline.config import RenderConfig
from pipeline.text.text_layer import read
from tests.unit.documents.test_pdf_document import opened

Draw = Callable[[pymupdf.Page], None]
SIZE = 12


def text_of(tmp_path: Path, draw: Draw) -> str:
    document = pymupdf.open()
    draw(document.new_page())
    content = bytes(document.tobytes())
    return read(opened(tmp_path, content).layer(1, RenderConfig()), hidden=False)[0]


def width(text: str, size: float = SIZE) -> float:
    return float(pymupdf.get_text_length(text, fontsize=size))


def set_content(page: pymupdf.Page, content: str) -> None:
    """Replace what the page paints by other operators."""
    xref = page.parent.get_new_xref()
    page.parent.update_object(xref, "<<>>")
    page.parent.update_stream(xref, content.encode())
    page.set_contents(xref)


def pieces(*parts: tuple[str, float, float], x: float = 72, y: float = 144) -> Draw:
    """Texts side by side, each with its size and how far it is raised, points."""

    def draw(page: pymupdf.Page) -> None:
        at = x
        for text, size, rise in parts:
            page.insert_text((at, y - rise), text, fontsize=size)
            at += width(text, size)

    return draw


def test_a_line_painted_backwards_is_read_forwards(tmp_path: Path) -> None:
    text = "Delaware return electronically and have a balance due"

    def draw(page: pymupdf.Page) -> None:
        for i in reversed(range(len(text))):
            page.insert_text((72 + width(text[:i]), 144), text[i], fontsize=SIZE)

    assert text_of(tmp_path, draw) == text


def test_spread_letters_are_words(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        page.insert_text((72, 144), "x")
        set_content(page, "BT /helv 12 Tf 3 Tc 72 640 Td (Product Specification) Tj ET")

    assert text_of(tmp_path, draw) == "Product Specification"


def test_text_painted_again_and_longer_is_read_once(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        page.insert_text((72, 144), "The bank will soon have as m", fontsize=SIZE)
        page.insert_text((72, 144), "The bank will soon have as many committees", fontsize=SIZE)

    assert text_of(tmp_path, draw) == "The bank will soon have as many committees"


def test_bold_by_painting_four_times_is_read_once(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        for i in range(4):
            page.insert_text((72 + 0.3 * i, 144), "fourfold bold text", fontsize=SIZE)

    assert text_of(tmp_path, draw) == "fourfold bold text"


def test_text_of_a_field_over_its_dots_stays(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        page.insert_text((72, 144), "." * 40, fontsize=SIZE)
        page.insert_text((90, 144), "Jane Doe", fontsize=SIZE)

    text = text_of(tmp_path, draw)
    assert "Jane Doe" in text
    assert text.count(".") == 40


def test_a_shadow_in_another_colour_does_not_hide_the_text(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        page.insert_text((72.6, 144.6), "shadowed text", fontsize=SIZE, color=(0.8, 0.8, 0.8))
        page.insert_text((72, 144), "shadowed text", fontsize=SIZE)

    assert "shadowed text" in text_of(tmp_path, draw)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("H", 12, 0), ("2", 7, -3), ("O and CO", 12, 0), ("2", 7, -3)], "H2O and CO2"),
        ([("about 10", 12, 0), ("25", 7, 5), (" per cm", 12, 0)], "about 10\u00b2\u2075 per cm"),
        ([("about 10", 12, 0), ("-22", 7, 5), (" eV", 12, 0)], "about 10\u207b\u00b2\u00b2 eV"),
        ([("in 2010", 12, 0), ("1", 7, 5), (" and", 12, 0)], "in 2010\u00b9 and"),
        ([("page 5", 12, 0), ("1/2", 7, 4), (" inches", 12, 0)], "page 5 1/2 inches"),
        ([("age 59", 12, 0), ("1", 7, 5), ("2", 7, 0), (" or", 12, 0)], "age 59 1/2 or"),
        ([("base 10", 12, 0), ("2", 7, -3), (" is", 12, 0)], "base 10\u2082 is"),
        ([("log", 12, 0), ("2", 7, -3), (" n", 12, 0)], "log2 n"),
        ([("the word", 12, 0), ("1", 7, 5), (" goes on", 12, 0)], "the word1 goes on"),
        ([("25", 12, 0), (" 300", 12, 0)], "25 300"),
    ],
)
def test_exponents_and_indices(
    tmp_path: Path, parts: list[tuple[str, float, float]], expected: str
) -> None:
    assert text_of(tmp_path, pieces(*parts)) == expected


def test_a_fraction_whose_numbers_are_one_piece(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        page.insert_text((72, 144), "age 59", fontsize=SIZE)
        x = 72 + width("age 59")
        page.insert_text((x, 139), "1", fontsize=5)
        page.insert_text((x + 3.3, 143), "2", fontsize=5)
        page.insert_text((x + 6.2, 144), " is early", fontsize=SIZE)

    assert text_of(tmp_path, draw) == "age 59 1/2 is early"


def test_an_accent_is_part_of_its_letter(tmp_path: Path) -> None:
    def draw(page: pymupdf.Page) -> None:
        page.insert_text((72, 144), "L", fontsize=SIZE)
        x = 72 + width("L")
        page.insert_text((x + 1.5, 144), "\u00b4", fontsize=SIZE)
        page.insert_text((x, 144), "opez", fontsize=SIZE)

    assert text_of(tmp_path, draw) == "L\u00f3pez"


def test_vertical_writing_is_read_by_columns_from_the_right(tmp_path: Path) -> None:
    columns = ["\u307e\u3061\u3092\u3042\u308b\u304f", "\u3072\u3068\u3092\u307f\u308b\u3088"]

    def draw(page: pymupdf.Page) -> None:
        for x, column in zip((300, 260), columns, strict=True):
            page.insert_text((x, 100), column, fontsize=20, fontname="japan-s")
        (font,) = page.get_fonts()
        across = page.parent.xref_get_key(font[0], "Encoding")[1]
        page.parent.xref_set_key(font[0], "Encoding", across[:-1] + "V")

    assert text_of(tmp_path, draw).split() == columns


def test_korean_words_without_painted_spaces_are_words(tmp_path: Path) -> None:
    words = ["\ub0ae\uc5d0\ub294", "\ub530\uc0ac\ub85c\uc6b4", "\uc778\uac04"]
    font = pymupdf.Font("korea")

    def draw(page: pymupdf.Page) -> None:
        x = 72.0
        for word in words:
            page.insert_text((x, 144), word, fontname="korea", fontsize=SIZE)
            x += font.text_length(word, SIZE) + 0.25 * SIZE

    assert text_of(tmp_path, draw) == " ".join(words)
