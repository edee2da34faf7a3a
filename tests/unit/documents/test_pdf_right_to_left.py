"""`pipeline.documents.pdf.right_to_left`: text layers in Arabic and Hebrew, in order."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from pipeline.config import RenderConfig
from pipeline.text.text_layer import read
from tests.unit.documents.test_pdf_document import opened


def page(shown: str, meant: dict[str, str]) -> bytes:
    """A page that shows a line from left to right, in a font whose /ToUnicode says other signs."""
    document = pymupdf.open()
    sheet = document.new_page()
    sheet.insert_text((72, 144), shown, fontsize=20)
    pairs = "".join(
        f"<{ord(code):02x}> <{sign.encode('utf-16-be').hex()}>\n" for code, sign in meant.items()
    )
    table = document.get_new_xref()
    document.update_object(table, "<<>>")
    document.update_stream(
        table,
        f"begincmap 1 begincodespacerange <00> <ff> endcodespacerange "
        f"{len(meant)} beginbfchar {pairs} endbfchar endcmap".encode(),
    )
    document.xref_set_key(sheet.get_fonts()[0][0], "ToUnicode", f"{table} 0 R")
    return bytes(document.tobytes())


def text_of(tmp_path: Path, content: bytes) -> str:
    return read(opened(tmp_path, content).layer(1, RenderConfig()), hidden=False)[0]


def test_a_ligature_keeps_the_order_of_its_letters(tmp_path: Path) -> None:
    meant = {"a": "\u0648", "b": "\ufefb", "c": "\u064a", "d": "\u0629"}
    assert text_of(tmp_path, page("dcba", meant)) == "\u0648\u0644\u0627\u064a\u0629"


def test_arabic_digits_are_not_turned_round(tmp_path: Path) -> None:
    meant = {"a": "\u0627", "b": "\u0628", "1": "\u0661", "4": "\u0664", "3": "\u0663"}
    expected = "\u0627\u0628 \u0661\u0664\u0663\u0664"
    assert text_of(tmp_path, page("1434 ba", meant)) == expected


def test_words_around_a_number_are_read_from_the_right(tmp_path: Path) -> None:
    meant = {"a": "\u05d0", "b": "\u05d1"}
    assert text_of(tmp_path, page("bb 47 aa", meant)) == "\u05d0\u05d0 47 \u05d1\u05d1"
