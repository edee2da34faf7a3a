"""`pipeline.documents.pdf.font_tables`: which characters a font's codes are said to be."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest
from pymupdf import mupdf

from pipeline.documents.pdf.font_tables import characters
from pipeline.text.text_layer import read
from pipeline.text.text_layer_trust import assess_trust
from tests.support import sample_documents
from tests.support.sample_documents import Page, stream
from tests.unit.documents.test_pdf_text_layer import layer_of

NAMES = b"begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange "


def told(table: bytes, entries: bytes = b"") -> dict[int, str]:
    """The told characters of a font with this /ToUnicode table."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 0/Kids[]>>",
        b"<</Type/Font/Subtype/Type1/ToUnicode 4 0 R%s>>" % entries,
        stream(table),
    ]
    content = sample_documents.file_of_objects(objects)
    with pymupdf.open(stream=content, filetype="pdf") as document:
        pdf = pymupdf._as_pdf_document(document)
        return characters(mupdf.pdf_load_object(pdf, 3))[0]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (b"1 beginbfchar <0f> <0032> endbfchar", {15: "2"}),
        (b"2 beginbfchar\n<0003> <2212>\n<0004><0066006C>\nendbfchar", {3: "\u2212", 4: ""}),
        (b"1 beginbfrange <0013> <0015> <0030> endbfrange", {19: "0", 20: "1", 21: "2"}),
        (b"1 beginbfrange <13> <14> [<0037> <2212>] endbfrange", {19: "7", 20: "\u2212"}),
        (b"1 beginbfrange <15> <13> <0030> endbfrange", {}),
        (b"beginbfchar <zz> <0032> endbfchar", {}),
        (b"", {}),
    ],
)
def test_tables_of_every_form_are_read(table: bytes, expected: dict[int, str]) -> None:
    assert told(NAMES + table) == expected


def test_a_range_over_all_codes_is_cut_to_what_is_compared() -> None:
    found = told(NAMES + b"1 beginbfrange <0000> <ffff> <0000> endbfrange")
    assert found[0x32] == "2"
    assert len(found) <= 257


def test_the_table_goes_before_the_encoding() -> None:
    encoding = b"/Encoding<</Differences[50/minus 51/plus]>>"
    assert told(b"1 beginbfchar <32> <0032> endbfchar", encoding) == {50: "2", 51: "+"}


@pytest.mark.parametrize(("char", "is_believed"), [("2212", True), ("0032", False)])
def test_composite_fonts_are_compared_too(tmp_path: Path, char: str, is_believed: bool) -> None:
    """A minus, glyph 166 of the font, with one or the other character."""
    objects = [
        stream(pymupdf.Font("helv").buffer, b"/Subtype/CIDFontType0C"),
        b"<</Type/FontDescriptor/FontName/AAAAAA+Pi/Flags 4/FontBBox[0 -200 999 900]"
        b"/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80/FontFile3 4 0 R>>",
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/AAAAAA+Pi/FontDescriptor 5 0 R/DW 600"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>",
        stream(NAMES + b"1 beginbfchar <00a6> <%s> endbfchar endcmap" % char.encode()),
        b"<</Type/Font/Subtype/Type0/BaseFont/AAAAAA+Pi/Encoding/Identity-H"
        b"/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
    ]
    shown = b" BT /F2 11 Tf 60 100 Td <00a6> Tj /F1 11 Tf (15 per cent) Tj ET"
    page = Page(
        sample_documents.text_content(sample_documents.prose()) + shown,
        entries=b"/Resources<</Font<</F1 3 0 R/F2 8 0 R>>>>",
    )
    layer = layer_of(tmp_path, sample_documents.pdf([page], objects=objects))
    assert read(layer, hidden=False)[0].endswith(chr(int(char, 16)) + "15 per cent")
    assert (assess_trust(layer).score == 1) == is_believed


def test_a_glyph_whose_name_is_no_utf8_says_no_character() -> None:
    assert told(b"", b"/Encoding<</Differences[50/caf#e9 51/plus]>>") == {50: "\ufffd", 51: "+"}
