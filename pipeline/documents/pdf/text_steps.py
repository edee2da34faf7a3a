"""The strings of a line of invisible text, put into steps that are short enough. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from unicodedata import east_asian_width

from pipeline.text.char_widths import text_width

PlacedString = tuple[str, float, float]
"""A text, its width in the font, above 0, and the length that it is to have."""

_WORDS: Final = re.compile(r"\s+|\S+")
_WIDE: Final = "WF"
"""East Asian widths of characters that stand without spaces between words."""
_MAX_WORD: Final = 2.0
"""A word is divided if it is longer than this, in longest steps."""


def steps(strings: Sequence[PlacedString], most: float) -> Iterator[list[PlacedString]]:
    """The strings in steps, none longer than allowed that has more than a word.

    Args:
        strings: Those of a line, in order.
        most: The greatest length of a step, in the unit of the strings.
    """
    step: list[tuple[int, PlacedString]] = []
    length = 0.0
    for index, string in enumerate(strings):
        for unit in _units(string, most):
            if step and length + unit[2] > most and unit[0].strip():
                yield _joined(step)
                step, length = [], 0.0
            step.append((index, unit))
            length += unit[2]
    if step:
        yield _joined(step)


def _joined(step: Sequence[tuple[int, PlacedString]]) -> list[PlacedString]:
    """The units of a step, those of one string as one string."""
    found = []
    for _, group in groupby(step, lambda each: each[0]):
        texts, widths, lengths = zip(*(unit for _, unit in group), strict=True)
        found.append(("".join(texts), sum(widths), sum(lengths)))
    return found


def _units(string: PlacedString, most: float) -> Iterator[PlacedString]:
    """The words and spaces of a string, and the characters of words that are too long."""
    text, width, length = string
    whole = text_width(text)
    for unit in _with_width(_parts(text, _MAX_WORD * most * whole / length)):
        share = text_width(unit) / whole
        yield unit, share * width, share * length


def _parts(text: str, most_em: float) -> Iterator[str]:
    for word in _WORDS.findall(text):
        is_wide = any(east_asian_width(char) in _WIDE for char in word)
        yield from word if is_wide or text_width(word) > most_em else (word,)


def _with_width(parts: Iterator[str]) -> list[str]:
    """The parts of a text, of which each has a width: marks stay with the letters before them."""
    found: list[str] = []
    for part in parts:
        if found and not (text_width(part) and text_width(found[-1])):
            found[-1] += part
        else:
            found.append(part)
    return found
