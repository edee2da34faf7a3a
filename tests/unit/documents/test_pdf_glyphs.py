"""`pipeline.documents.pdf.glyphs`: fonts that store one sign and draw another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from pipeline.config import RouteConfig
from pipeline.documents.pdf.glyphs import FontDoubts, count_in_line
from pipeline.text.text_layer import read
from pipeline.text.text_layer_trust import Trust, assess_trust
from tests.support import sample_documents
from tests.unit.documents.test_pdf_text_layer import layer_of

LEAST = RouteConfig().min_trust
DOUBT = "numbers drawn otherwise"
DIGIT_NAMES = b"zero/one/two/three/four/five/six/seven/eight/nine"
CIPHER = {code: chr(code) for code in range(0x21, 0x2B)}


def judged(tmp_path: Path, content: bytes) -> tuple[str, Trust]:
    """The last line of a page's layer, and the trust in it."""
    layer = layer_of(tmp_path, content)
    return read(layer, hidden=False)[0].splitlines()[-1], assess_trust(layer)


WRONG = {
    "a minus stored as 2": (
        sample_documents.font_pdf(b"(2) Tj /F1 11 Tf (15 per cent) Tj", b"50/minus", {50: "2"}),
        "215 per cent",
    ),
    "a minus stored as 2, a space before the number": (
        sample_documents.font_pdf(b"(2) Tj /F1 11 Tf ( 15 per cent) Tj", b"50/minus", {50: "2"}),
        "2 15 per cent",
    ),
    "a plus stored as 1": (
        sample_documents.font_pdf(b"(1) Tj /F1 11 Tf (15 per cent) Tj", b"49/plus", {49: "1"}),
        "115 per cent",
    ),
    "decimal points stored as colons": (
        sample_documents.font_pdf(
            b"/F1 11 Tf (about 12) Tj /F2 11 Tf (:) Tj /F1 11 Tf (5 tons) Tj",
            b"58/period",
            {58: ":"},
        ),
        "about 12:5 tons",
    ),
    "digits stored as the signs after the space": (
        sample_documents.font_pdf(
            b'(#!"\\$ #!"%) Tj', b"33/" + DIGIT_NAMES + b" 32/space", CIPHER | {32: " "}
        ),
        '#!"$ #!"%',
    ),
    "one digit stored as another": (
        sample_documents.font_pdf(b"(17) Tj", b"55/four", {49: "1", 55: "7"}),
        "17",
    ),
    "a minus stored as a letter": (
        sample_documents.font_pdf(b"(n) Tj /F1 11 Tf (15 per cent) Tj", b"110/minus", {110: "n"}),
        "n15 per cent",
    ),
    "digits stored as letters": (
        sample_documents.font_pdf(
            b"(qwe) Tj",
            b"113/one 119/two 101/three 114/four",
            {ord(letter): letter for letter in "qwer"},
        ),
        "qwe",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_number_that_is_stored_otherwise_than_drawn_is_not_believed(
    tmp_path: Path, name: str
) -> None:
    content, stored = WRONG[name]
    text, trust = judged(tmp_path, content)
    assert text.endswith(stored)
    assert trust.score < LEAST
    assert trust.doubts == (DOUBT,)


RIGHT = {
    "a minus": (b"(2) Tj /F1 11 Tf (15 per cent) Tj", b"50/minus", {50: "\u2212"}),
    "a minus stored as a hyphen": (b"(2) Tj /F1 11 Tf (15) Tj", b"50/minus", {50: "-"}),
    "digits and signs of a text font": (b"(1,204.5 [+3%]: 98-12 = 86!) Tj", b"", None),
    "digits at other codes": (
        b'(#!"\\$) Tj',
        b"33/" + DIGIT_NAMES,
        dict(zip(range(33, 43), "0123456789", strict=True)),
    ),
    "a wrong sign far from any number": (b"(:) Tj", b"58/period", {58: ":"}),
    "superior letters, small and high": (
        b"(12 in 21) Tj <2829> Tj",
        b"40/ordfeminine 41/ordmasculine",
        {ord(char): char for char in "12in"} | {40: "t", 41: "d"},
    ),
    "digits, and wrong letters far from them": (
        b"(17) Tj /F1 11 Tf ( of the town ) Tj /F2 11 Tf (n) Tj /F1 11 Tf ( and ) Tj "
        b"/F2 11 Tf (l) Tj",
        b"110/minus 108/comma",
        {ord(char): char for char in "17nl"},
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_numbers_that_are_stored_as_drawn_are_believed(tmp_path: Path, name: str) -> None:
    _, trust = judged(tmp_path, sample_documents.font_pdf(*RIGHT[name]))
    assert trust == Trust(1.0)


def test_a_font_inside_a_form_is_looked_at(tmp_path: Path) -> None:
    content, _ = WRONG["a minus stored as 2"]
    with (
        pymupdf.open(stream=content, filetype="pdf") as inner,
        pymupdf.open() as outer,
    ):
        page = outer.new_page(width=612, height=792)
        page.show_pdf_page(page.rect, inner, 0)
        wrapped = outer.tobytes()
    assert judged(tmp_path, wrapped)[1].doubts == (DOUBT,)


def test_an_unknown_sign_before_a_number_is_a_doubt(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, sample_documents.pdf([sample_documents.Page()]))
    [*others, last] = layer_of(tmp_path, sample_documents.text_pdf()).lines
    lines = (*others, replace(last, text="p \ufffd0.05 and more"))
    trust = assess_trust(replace(layer, lines=lines))
    assert trust.score < LEAST
    assert "broken characters in numbers" in trust.doubts
    bullet = replace(last, text="\uf0b7 15 apples and \uf6d92003 The Authors")
    assert (
        "broken characters in numbers"
        not in assess_trust(replace(layer, lines=(*others, bullet))).doubts
    )


def test_only_characters_of_the_doubtful_font_count() -> None:
    doubtful = {"Signs": FontDoubts(frozenset("2"))}
    spans = [{"text": "from 2 to ", "font": "Times"}, {"text": "2", "font": "Signs"}]
    assert count_in_line(spans, doubtful) == 0
    assert count_in_line([*spans, {"text": "15", "font": "Times"}], doubtful) == 1


CIPHERED = "letters drawn otherwise"
LETTERS = b"Garden Window Market"
SHIFTED = {chr(97 + i): chr((i + 7) % 26 + 97) for i in range(26)}


def ciphered(tmp_path: Path, table: dict[str, str], rows: int = 8) -> Trust:
    """The trust in a page whose last lines, in a font of their own, are stored by a table."""
    stored = {ord(char): table.get(char, char) for char in set(LETTERS.decode())}
    # Names that say nothing, as in the fonts of many programs, and the same shapes.
    shown = b"(%s) Tj 0 -12 Td " % LETTERS * rows
    return judged(tmp_path, sample_documents.font_pdf(shown, b"", stored))[1]


def test_letters_that_are_stored_as_others_are_not_believed(tmp_path: Path) -> None:
    trust = ciphered(tmp_path, SHIFTED)
    assert trust.doubts == (CIPHERED,)
    assert trust.score < LEAST
    assert ciphered(tmp_path, {}) == Trust(1.0)


def test_a_heading_in_a_font_of_other_letters_does_not_cost_the_page(tmp_path: Path) -> None:
    assert LEAST <= ciphered(tmp_path, SHIFTED, rows=1).score < 1


def test_letters_that_all_look_like_the_same_one_are_those_of_an_unusual_face(
    tmp_path: Path,
) -> None:
    drawn = b" ".join(b"%d/%s" % (code, b"fj"[code % 2 :][:1]) for code in b"abcdegkmno")
    stored = {code: chr(code) for code in b"abcdegkmno"}
    page = sample_documents.font_pdf(b"(a code bank) Tj 0 -12 Td " * 8, drawn, stored)
    assert judged(tmp_path, page)[1] == Trust(1.0)


def test_small_capitals_and_one_odd_letter_are_believed(tmp_path: Path) -> None:
    small = {char: char.lower() for char in "GWM"}
    assert ciphered(tmp_path, small) == Trust(1.0)
    assert ciphered(tmp_path, {"k": "x"}) == Trust(1.0)


def type3_page(point: bytes, scale: float) -> bytes:
    """A page whose last line, "11:1", is in a Type 3 font as TeX's drivers make them."""
    procs = [
        sample_documents.stream(b"%g 0 %s d1" % (500 * scale, box)) for box in (point, one(scale))
    ]
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 0 0]/FontMatrix[%g 0 0 %g 0 0]/FirstChar 32"
        b"/LastChar 126/Widths[%s]/Encoding<</Differences[49/a49 58/a58]>>/Resources<<>>"
        b"/CharProcs<</a58 4 0 R/a49 5 0 R>>>>" % (0.001, 0.001, b"%g " % (500 * scale) * 95)
    )
    shown = b" BT /F3 %g Tf 60 100 Td (11:1) Tj ET" % (11 / scale)
    content = sample_documents.text_content(sample_documents.prose()) + shown
    page = sample_documents.Page(content, entries=b"/Resources<</Font<</F1 3 0 R/F3 6 0 R>>>>")
    return sample_documents.pdf([page], objects=[*procs, font])


def one(scale: float) -> bytes:
    return b"%g 0 %g %g" % (50 * scale, 450 * scale, 700 * scale)


@pytest.mark.parametrize("scale", [1.0, 0.5, 4.0])
def test_boxes_of_a_type_3_font_are_compared_at_any_scale(tmp_path: Path, scale: float) -> None:
    full_stop = b"%g 0 %g %g" % (100 * scale, 200 * scale, 100 * scale)
    colon = b"%g 0 %g %g" % (100 * scale, 200 * scale, 450 * scale)
    text, trust = judged(tmp_path, type3_page(full_stop, scale))
    assert text.endswith("11:1")
    assert trust.doubts == (DOUBT,)
    assert judged(tmp_path, type3_page(colon, scale))[1] == Trust(1.0)
    # MuPDF dies of a font without them that is loaded alone.
    without = type3_page(full_stop, scale).replace(b"/Resources<<>>", b"/Rezources<<>>")
    assert judged(tmp_path, without)[1] == Trust(1.0)
    # All boxes alike say nothing.
    assert judged(tmp_path, type3_page(one(scale), scale))[1] == Trust(1.0)
