"""Amounts whose separators cannot be: "37.499.96" has one sign in two roles. Pure.

At 150 dpi the tail of a comma is a pixel or two, and where the line is made larger by a linear
filter it is lost. Such a line is read once more, made larger by a cubic filter.
"""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,]\d{3})+[.,]\d{2}(?![\d.,]*\d)")
"""Groups of three digits and two decimals: 37,499.96 and 37.499,96."""
_SAME: Final = str.maketrans(",", ".")


def impossible(text: str) -> int:
    """How many amounts of a line have separators that disagree, or one sign for both of them."""
    return sum(_is_impossible(number) for number in _NUMBER.findall(text))


def _is_impossible(number: str) -> bool:
    *thousands, decimal = re.findall("[.,]", number)
    return len(set(thousands)) > 1 or decimal in thousands


def is_mended(text: str, again: str) -> bool:
    """Whether a second reading differs in commas and full stops alone, and makes more sense."""
    is_same = text.translate(_SAME) == again.translate(_SAME)
    return is_same and impossible(again) < impossible(text)
