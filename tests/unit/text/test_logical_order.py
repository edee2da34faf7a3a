"""`pipeline.text.logical_order`: lines from left to right are put in the order of reading."""

from __future__ import annotations

from itertools import groupby

import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.logical_order import Glyph, has_right_to_left_text, logical_order

HEBREW = st.text("\u05d0\u05d1\u05d2\u05d3\u05d4", min_size=1, max_size=5)
LATIN = st.text("abcde", min_size=1, max_size=5)
NUMBERS = st.from_regex(r"[1-9][0-9]{0,3}(\.[0-9]{1,2})?|[12][0-9]/0[1-9]/2024", fullmatch=True)
ARABIC_NUMBERS = st.text("\u0660\u0661\u0662\u0663", min_size=1, max_size=4)


def drawn(text: str, *, rtl: bool) -> list[Glyph]:
    """The characters of a line as MuPDF gives them: words, and Arabic digits, turned round."""
    seen = get_display(text, base_dir="R" if rtl else "L")
    glyphs = [Glyph(char, 10.0 * i, 10.0 * i + 10) for i, char in enumerate(seen)]
    runs = [
        list(run) for _, run in groupby(glyphs, key=lambda each: has_right_to_left_text(each.text))
    ]
    turned = [run[::-1] if has_right_to_left_text(run[0].text) else run for run in runs]
    return [glyph for run in turned for glyph in run]


def read(glyphs: list[Glyph], *, rtl: bool = True) -> str:
    return "".join(text for _, text in logical_order(glyphs, page_is_rtl=rtl))


@given(st.lists(st.tuples(HEBREW, LATIN | NUMBERS | ARABIC_NUMBERS), min_size=1, max_size=4))
def test_lines_of_right_to_left_pages_are_read_as_they_were_written(
    words: list[tuple[str, str]],
) -> None:
    text = " ".join(word for pair in words for word in pair)
    assert read(drawn(text, rtl=True)) == text


@given(LATIN, st.lists(HEBREW | ARABIC_NUMBERS, min_size=1, max_size=2), LATIN)
def test_right_to_left_words_in_a_latin_line_are_read_from_the_right(
    first: str, inner: list[str], last: str
) -> None:
    text = " ".join([first, *inner, last])
    assert read(drawn(text, rtl=False), rtl=False) == text


@pytest.mark.parametrize(
    "text",
    [
        "\u05d0\u05d1 (\u05d2\u05d3) \u05d4",
        "\u05d0\u05d1 50% \u05d2 1,250.00 \u05d3 -4.3",
        "\u0633\u0639\u0631 \u0661\u0662\u066b\u0665\u0660 \u0648",
        "\u0661\u0664 \u0627\u0628 \u0661\u0664\u0663\u0664",
    ],
)
def test_brackets_signs_and_separators_stay_with_their_words(text: str) -> None:
    assert read(drawn(text, rtl=True)) == text


def test_letters_of_a_ligature_are_in_their_order() -> None:
    lam, alef, waw, yeh = "\u0644\u0627\u0648\u064a"
    glyphs = [Glyph(waw, 40, 50), Glyph(alef, 40, 40), Glyph(lam, 30, 40), Glyph(yeh, 20, 30)]
    assert read(glyphs) == waw + lam + alef + yeh


def test_a_minus_on_the_left_and_thousands_stay_with_their_number() -> None:
    word = [Glyph("\u05d1", 310, 320), Glyph("\u05d0", 300, 310)]
    amounts = [Glyph(char, 10.0 * i, 10.0 * i + 10) for i, char in enumerate("17 496 -4.3")]
    assert read([*amounts, *word]) == "\u05d1\u05d0 -4.3 17 496"


def test_cells_far_apart_have_a_space_between_them() -> None:
    glyphs = [Glyph("7", 0, 10), Glyph("\u05d1", 110, 120), Glyph("\u05d0", 100, 110)]
    assert read(glyphs) == "\u05d1\u05d0 7"


def test_a_word_that_was_not_turned_round_is_turned() -> None:
    kaf, teh, beh, fatha = "\u0643\u062a\u0628\u064e"
    latin = [Glyph(char, 10.0 * i, 10.0 * i + 10) for i, char in enumerate("pl ")]
    word = [Glyph(beh, 30, 40), Glyph(teh, 40, 50), Glyph(fatha, 42, 42), Glyph(kaf, 50, 60)]
    assert read([*latin, *word], rtl=False) == "pl " + kaf + teh + fatha + beh


def test_a_word_of_one_ligature_is_not_turned_round() -> None:
    lam, alef = "\u0644\u0627"
    glyphs = [Glyph("7", 0, 10), Glyph(" ", 10, 20), Glyph(alef, 40, 40), Glyph(lam, 30, 40)]
    assert read(glyphs) == lam + alef + " 7"


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        (")\u05d1\u05d0(", "(\u05d0\u05d1)"),
        ("(\u05d1\u05d0)", "(\u05d0\u05d1)"),
        (")\u05d1\u05d0( \u05d3 )\u05d2", "\u05d2) \u05d3 (\u05d0\u05d1)"),
    ],
)
def test_brackets_are_as_they_are_meant(stored: str, meant: str) -> None:
    """`stored` from left to right; where brackets are seen ones, more are pairs mirrored."""
    glyphs = [Glyph(char, 10.0 * i, 10.0 * i + 10) for i, char in enumerate(stored)]
    assert read(glyphs[::-1]) == meant
