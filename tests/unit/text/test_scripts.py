"""Which script a text is in, and which text only looks as if it were."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.languages import language_script
from pipeline.text.script_ranges import RANGES
from pipeline.text.scripts import (
    script_of,
    scripts,
    share_in,
    unread_page,
    unread_script,
    warned_of,
    warning,
)
from tests.support.script_texts import SENTENCES

READABLE = ("Latin", "Han", "Hiragana", "Katakana")
LOST = [name for name in SENTENCES if name != "Latin"]
_NAMES = {
    "Han": "CJK",
    "Hiragana": "HIRAGANA LETTER|HENTAIGANA",
    "Canadian_Aboriginal": "CANADIAN",
    "Nko": "NKO",
    "Vietnamese": "LATIN",
}


def test_the_ranges_are_in_order_and_apart():
    assert all(start <= end for start, end, _ in RANGES)
    assert all(one[1] < other[0] for one, other in pairwise(RANGES))


def name_of(char: str) -> str:
    return unicodedata.name(char, "without a name")


@pytest.mark.parametrize("script", sorted({script for _, _, script in RANGES}))
def test_most_letters_of_a_script_have_its_name(script: str):
    """Python's names of characters begin with the script, for all but a few."""
    letters = [
        chr(code)
        for start, end, name in RANGES
        if name == script
        for code in range(start, end + 1)
        if script_of(chr(code)) == script
    ]
    words = _NAMES.get(script, script.upper()).split("|")
    named = [char for char in letters if any(word in name_of(char) for word in words)]
    assert len(named) > 0.8 * len(letters)


@given(st.characters())
def test_every_character_has_at_most_one_script_and_only_letters_and_marks_have_one(char: str):
    script = script_of(char)
    assert script is None or unicodedata.category(char)[0] in "LM"


@pytest.mark.parametrize("script", SENTENCES)
def test_the_letters_of_a_sentence_are_of_its_script(script: str):
    found = scripts(SENTENCES[script] + " 1,234.5 %")
    assert found[script] > 0.1 * found.total()
    assert script == "Vietnamese" or found.most_common(1) == [(script, found[script])]


@pytest.mark.parametrize("script", LOST)
def test_a_sentence_in_a_script_that_is_not_read_is_found(script: str):
    assert unread_script(SENTENCES[script], READABLE) == script
    assert unread_script(SENTENCES[script], (*READABLE, script)) is None
    assert unread_script(SENTENCES[script], ()) is None, "everything is read"


@pytest.mark.parametrize(
    "text",
    [
        SENTENCES["Latin"] * 3,
        "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。",
        "Let α and β be reals, Δx → 0, with λ1, λ2, θ and Σ xi for all ω in Ω. " * 4,
        f"{SENTENCES['Latin'] * 5} The word for peace is мир.",
        "",
    ],
)
def test_text_that_is_read_is_not_found(text: str):
    assert unread_script(text, READABLE) is None


def test_a_listing_with_words_in_the_script_is_found():
    lines = ["├── main_основной.py", "├── docs_руководство.txt", "└── проверка_чтения.py"]
    assert unread_script("\n".join(lines), READABLE) == "Cyrillic"


def shifted(text: str, first: int) -> str:
    """Latin letters in the places of another script's: a font with a wrong table."""
    return "".join(chr(first + ord(char.lower()) - 97) if char.isalpha() else char for char in text)


RUSSIAN, LATIN = SENTENCES["Cyrillic"], SENTENCES["Latin"] * 3
SYMBOL = str.maketrans("abcdefghiklmnopqrstuwxyz", "αβχδεφγηικλμνοπθρστυωξψζ")
GARBAGE = {
    "Russian in KOI8 read as Windows": RUSSIAN.encode("koi8-r").decode("cp1251"),
    "Russian in Windows read as KOI8": RUSSIAN.encode("cp1251").decode("koi8-r"),
    "Russian in UTF-8 read as Windows": RUSSIAN.encode().decode("cp1251", "ignore"),
    "Russian in Windows read as Latin": RUSSIAN.encode("cp1251").decode("latin1"),
    "Hebrew read as Russian": SENTENCES["Hebrew"].encode("cp1255").decode("cp1251", "ignore"),
    "Greek read as Russian": SENTENCES["Greek"].encode("cp1253").decode("cp1251", "ignore"),
    "Arabic read as Russian": SENTENCES["Arabic"].encode("cp1256").decode("cp1251", "ignore"),
    "Hebrew read as Greek": SENTENCES["Hebrew"].encode("cp1255").decode("cp1253", "ignore"),
    "English in the font Symbol": LATIN.translate(SYMBOL),
    "English as Cyrillic": shifted(LATIN, 0x430),
    "English as Hebrew": shifted(LATIN, 0x5D0),
    "English as Arabic": shifted(LATIN, 0x627),
    "English as Devanagari": shifted(LATIN, 0x915),
    "English as Thai": shifted(LATIN, 0xE01),
    "English as Hangul": shifted(LATIN, 0xAC00),
    "Russian with lost letters": RUSSIAN.replace("о", "\ufffd"),
    "letters of all scripts": "".join(SENTENCES.values())[::7],
}


@pytest.mark.parametrize("name", GARBAGE)
def test_text_of_a_wrong_table_is_not_taken_for_a_script(name: str):
    assert unread_script(GARBAGE[name], READABLE) is None


def test_the_share_of_letters_that_a_reader_has():
    assert share_in("abc где 123", ("Latin",)) == 0.5
    assert share_in("123", ("Latin",)) == 1.0


def test_a_warning_says_which_script_and_can_be_counted():
    line = warning("Cyrillic", "kept")
    assert line == "script not read (Cyrillic): kept"
    assert warned_of(["other", line]) == "Cyrillic"
    assert warned_of(["other"]) is None
    part = warning("Cyrillic", "two lines", in_part=True)
    assert part == "script not read in part (Cyrillic): two lines"
    assert (warned_of([part]), unread_page([part])) == ("Cyrillic", None)
    assert unread_page(["other", part, line]) == "Cyrillic"


@pytest.mark.parametrize(
    ("tag", "script"),
    [
        *(("ru-RU", "Cyrillic"), ("rus", "Cyrillic"), ("EL", "Greek"), ("ar-EG", "Arabic")),
        *(("sr-Latn-RS", "Latin"), ("uzb_cyrl", "Cyrillic"), ("chi_sim", "Han"), ("en", "Latin")),
        *(("vi", "Vietnamese"), ("", None), ("x", None), ("русский", None), ("english", None)),
    ],
)
def test_the_script_of_a_language(tag: str, script: str | None):
    assert language_script(tag) == script
