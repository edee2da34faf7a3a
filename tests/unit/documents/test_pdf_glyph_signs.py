"""`pipeline.documents.pdf.glyph_signs`: sizes and names of glyphs that fit no such character."""

from __future__ import annotations

from dataclasses import replace

import pymupdf
import pytest

from pipeline.documents.pdf.glyph_signs import (
    CHECKED,
    Glyph,
    is_other_shape,
    is_other_sign,
    wrong_letters,
)


@pytest.mark.parametrize("font", ["helv", "hebo", "tiro", "tibo", "cour", "cobo", "symb"])
def test_the_shapes_of_a_text_font_are_those_of_its_characters(font: str) -> None:
    loaded = pymupdf.Font(font)
    for char in filter(lambda char: loaded.has_glyph(ord(char)), sorted(CHECKED)):
        box = loaded.glyph_bbox(ord(char))
        glyph = Glyph(char, "", box.width, box.height, box.y0)
        assert not is_other_shape(glyph), char


@pytest.mark.parametrize(
    ("char", "name", "is_other"),
    [
        ("2", "minus", True),
        ("7", "four", True),
        (":", "seven", True),
        ("2", "H11002", True),
        ("2", "two", False),
        ("2", "g17", False),
        ("-", "minus", False),
        (".", "comma", False),
    ],
)
def test_names_of_glyphs_are_compared_with_digits(char: str, name: str, is_other: bool) -> None:
    assert is_other_sign(Glyph(char, name, 0.5, 0.7, 0.0)) == is_other


def letters_of(
    chars: str, height: float, bottom: float = 0.0, *, is_named: bool = False
) -> list[Glyph]:
    return [Glyph(char, "", 0.4, height, bottom, is_named=is_named) for char in chars]


def test_low_letters_of_a_script_face_are_right() -> None:
    script = letters_of("aceimn", 0.2) + letters_of("bdhl", 0.34) + letters_of("NAME", 0.64)
    assert wrong_letters(script) == frozenset()
    assert wrong_letters(letters_of("n", 0.2)) == frozenset()
    assert wrong_letters(script + letters_of("r", 0.06, 0.25)) == {"r"}
    assert wrong_letters(script + letters_of("K", 0.25, -0.15)) == {"K"}


def test_a_letter_is_wrong_if_all_its_glyphs_are_and_none_is_named_so_or_superior() -> None:
    minus = letters_of("n", 0.07, 0.25)
    assert wrong_letters(minus) == {"n"}
    assert wrong_letters(minus + letters_of("n", 0.5)) == frozenset()
    assert wrong_letters(letters_of("n", 0.07, 0.25, is_named=True)) == frozenset()
    assert wrong_letters(letters_of("st", 0.3, 0.4)) == frozenset()


@pytest.mark.parametrize(
    ("char", "width", "height"),
    [
        *(
            ("n", 0.6, 0.08),
            ("l", 0.15, 0.33),
            (";", 0.15, 0.33),
            ("/", 0.1, 0.1),
            ("=", 0.1, 0.11),
        ),
        *(("=", 0.17, 0.16), ("+", 0.19, 0.19), ("<", 0.2, 0.2)),
    ],
)
def test_a_minus_a_comma_and_a_full_stop_are_no_letter_and_no_higher_sign(
    char: str, width: float, height: float
) -> None:
    assert is_other_shape(Glyph(char, "", width, height, 0.0))


@pytest.mark.parametrize(
    ("char", "width", "height"),
    [(":", 0.18, 0.18), (";", 0.19, 0.2), ("/", 0.34, 0.34), ("#", 0.17, 0.2), ("(", 0.43, 0.47)],
)
def test_signs_of_a_script_face_are_low_and_wide_where_their_names_say_them(
    char: str, width: float, height: float
) -> None:
    low = Glyph(char, "", width, height, 0.0)
    assert is_other_shape(low)
    assert not is_other_shape(replace(low, is_named=True))
    # Names lie in fonts of signs, but no such sign is as small as a full stop.
    assert is_other_shape(Glyph(char, "", 0.1, 0.1, 0.0, is_named=True))
