"""Which glyphs cannot be the digit, sign or letter that they are said to be. Pure.

By their names, which are those of the Adobe Glyph List, and the sizes of their outlines.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

DIGITS: Final = string.digits
CHECKED: Final = frozenset(DIGITS + ".,:;-\u2212\u2013+=<>!\"'()%/*#$&")
"""The digits and signs that are compared."""
LETTERS: Final = frozenset(string.ascii_letters)
_DIGIT_NAMES: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
NAMED: Final = dict(zip(_DIGIT_NAMES, DIGITS, strict=True)) | {
    "minus": "\u2212",
    "plus": "+",
    "plusminus": "\u00b1",
    "multiply": "\u00d7",
    "period": ".",
    "comma": ",",
    "colon": ":",
    "percent": "%",
    "equal": "=",
    "less": "<",
    "greater": ">",
}
"""Names of glyphs that say what they are, of the Adobe Glyph List."""
_RATIOS: Final[Mapping[str, tuple[float, float]]] = {
    **dict.fromkeys(":;", (0.0, 0.75)),
    **dict.fromkeys("-\u2212\u2013", (1.0, math.inf)),
    **dict.fromkeys("!()", (0.0, 0.62)),
    "%": (0.55, math.inf),
    "=": (0.8, math.inf),
    "+": (0.7, 1.6),
    "/": (0.0, 1.2),
}
"""Least and largest width of signs in heights."""
_HEIGHTS: Final[Mapping[str, float]] = {
    **dict.fromkeys("acegmnopqrsuvwxyz", 0.36),
    **dict.fromkeys(string.ascii_uppercase + "bdfhijklt/()%!#$&;", 0.45),
    **dict.fromkeys(":<>+", 0.36),
    "=": 0.15,
}
"""Least height of letters and signs, em: a comma or a minus has less. The least ones of 58 text
fonts are .46, .57, .43 and .2; small letters are compared in shares of their font's."""
_WIDTHS: Final[Mapping[str, float]] = dict.fromkeys("=+<>", 0.25)
"""Least width of signs, em: a point is narrower. Text fonts, condensed ones too, have 0.38."""
_MIN_SMALL_LETTERS: Final = 3
"""Fewer say nothing of the size of a font's small letters."""
_MIN_SCALE: Final = 0.4
"""Least size of small letters and of signs with names, of usual ones; a script face has 0.45."""
_NAMED_MARGIN: Final = 2.0
"""How far signs with names may be out of the bounds of `_RATIOS`."""
_BASELINE: Final = 0.05
"""How far from the baseline a letter may stand on it, em; a comma and a minus are further."""
_MIN_SUPERIOR_BOTTOM: Final = 0.2
_MIN_SUPERIOR_HEIGHT: Final = 0.15
"""What stands higher than the one is a superior letter (21st), a minus if it is less high, em."""
_MIN_EM: Final = 0.02
_USUAL_HEIGHTS: Final = (
    (DIGITS, 0.68),
    (string.ascii_uppercase + "bdfhklt", 0.69),
    ("acegmnopqrsuvwxyz", 0.47),
)
"""Heights of usual fonts, em."""
_MIN_HEIGHTS: Final = 2
_PI_NAME: Final = re.compile(r"H\d{4,5}")
"""Names of glyphs in the fonts of signs of the Linotype library: H11002 is a minus."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """A glyph and the character that it is said to be.

    Attributes:
        char: The character.
        name: The glyph's name in the font, without a suffix such as ".oldstyle"; "" where it has
            none, or where it is not asked for.
        width: Of the outline, in em.
        height: Of the outline, in em.
        bottom: Of the outline above the baseline, in em.
        is_other_digit: Whether its name says nothing and its outline looks like another digit or
            sign.
        is_named: Whether its name says the character; only asked of letters and signs whose size
            is not a usual one.
    """

    char: str
    name: str
    width: float
    height: float
    bottom: float
    is_other_digit: bool = False
    is_named: bool = False


def in_ems(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """The glyphs of a font of any scale, sizes in em by those of its digits or letters.

    Returns:
        None of them where there is neither, or all boxes are as high: some programs give every
        glyph the box of the font.
    """
    if len({round(glyph.height, 3) for glyph in glyphs}) < _MIN_HEIGHTS:
        return []
    for chars, usual in _USUAL_HEIGHTS:
        heights = [glyph.height for glyph in glyphs if glyph.char in chars]
        if heights:
            em = median(heights) / usual
            return [
                replace(
                    each, width=each.width / em, height=each.height / em, bottom=each.bottom / em
                )
                for each in glyphs
            ]
    return []


def is_other_sign(glyph: Glyph) -> bool:
    """Whether the name of a glyph says another digit or sign than its character.

    Only where one of the two is a digit: many fonts draw a minus for a hyphen.
    """
    if glyph.char in DIGITS and _PI_NAME.fullmatch(glyph.name):
        return True
    named = NAMED.get(glyph.name, glyph.char)
    return named != glyph.char and (glyph.char in DIGITS or named in DIGITS)


def is_other_shape(glyph: Glyph) -> bool:
    """Whether a digit, sign or letter cannot have an outline of this size.

    The bounds are far from the shapes of text fonts, condensed and extended ones included. Of
    letters they are those of usual fonts: `wrong_letters` takes a font's own.
    """
    char, ratio = glyph.char, glyph.width / max(glyph.height, _MIN_EM)
    if char in DIGITS:
        return glyph.is_other_digit or ratio > 1.5 or glyph.height < 0.25
    scale = _MIN_SCALE if glyph.is_named else 1.0
    if glyph.height < scale * _HEIGHTS.get(char, 0.0):
        return True
    if glyph.width < scale * _WIDTHS.get(char, 0.0):
        return True
    if char in ".,":
        return glyph.height > 0.5
    if char in "\"'":
        return glyph.bottom < 0.15
    low, high = _RATIOS.get(char, (0.0, math.inf))
    margin = _NAMED_MARGIN if glyph.is_named else 1.0
    return not low / margin <= ratio <= high * margin


def wrong_letters(glyphs: Sequence[Glyph]) -> frozenset[str]:
    """The letters of a font that cannot have the outlines of any of their glyphs, by their sizes.

    Small letters are compared in shares of those of the font: a script face has low ones. Superior
    letters, and glyphs that have their letter's name, are what they are said to be.
    """
    letters = [glyph for glyph in glyphs if glyph.char in LETTERS]
    scale = _scale_of_small(letters)
    right = {glyph.char for glyph in letters if _is_right_letter(glyph, scale)}
    return frozenset(glyph.char for glyph in letters) - right


def _scale_of_small(letters: Sequence[Glyph]) -> float | None:
    """The size of a font's small letters, of usual ones, at most 1; None where it has few."""
    ratios = [
        glyph.height / usual
        for chars, usual in _USUAL_HEIGHTS
        for glyph in letters
        if glyph.char in chars and glyph.char.islower()
    ]
    if len(ratios) < _MIN_SMALL_LETTERS:
        return None
    return min(1.0, max(_MIN_SCALE, median(ratios)))


def _is_right_letter(glyph: Glyph, scale_of_small: float | None) -> bool:
    is_superior = glyph.bottom > _MIN_SUPERIOR_BOTTOM and glyph.height >= _MIN_SUPERIOR_HEIGHT
    if is_superior or glyph.is_named:
        return True
    scale = 1.0
    if glyph.char.islower():  # of few letters, one on the baseline may be a low one
        is_on_baseline = abs(glyph.bottom) <= _BASELINE
        scale = scale_of_small or (_MIN_SCALE if is_on_baseline else 1.0)
    return glyph.height / scale >= _HEIGHTS[glyph.char]
