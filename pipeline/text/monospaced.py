"""Whether lines are set in a typewriter font, in which all characters are as wide. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from statistics import median
from typing import Final

from pipeline.text.char_widths import text_width

_MIN_CHARS: Final = 12
"""Shorter lines say too little: the margins of their boxes are as wide as a character."""
_MIN_LINES: Final = 3
_MAX_SPREAD: Final = 0.03
"""Lines are monospaced if their widths for a character differ from the usual one by no more than
this (median) ..."""
_MAX_SHARE: Final = 0.6
"""... and by no more than this share of what they differ if characters have their own widths."""


def columns(text: str) -> int:
    """The places of a typewriter that a text takes."""
    return sum(
        0
        if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc")
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def is_monospaced(lines: Sequence[tuple[str, float]]) -> bool | None:
    """Whether lines of one size are in a typewriter font.

    Args:
        lines: Their texts, and the lengths of their boxes.

    Returns:
        None where there are too few to tell.
    """
    known = [(text, length) for text, length in lines if columns(text) >= _MIN_CHARS]
    if len(known) < _MIN_LINES:
        return None
    fixed = _spread([length / columns(text) for text, length in known])
    own = _spread([length / text_width(text) for text, length in known])
    return fixed <= _MAX_SPREAD and fixed <= _MAX_SHARE * own


def _spread(values: Sequence[float]) -> float:
    """How far values are from their median, as a share of it, in the median."""
    usual = median(values)
    return median(abs(value - usual) for value in values) / usual if usual else 0.0
