"""Text layers made worse on purpose, as broken font tables and old OCR make them.

Only the text of the lines is changed: what a page draws stays as it is. Repeatable: the same seed
gives the same layer.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pipeline.text.text_layer import TextLayer

LineChange = Callable[[str], str]
Degradation = Callable[[random.Random], LineChange]
"""Makes a change of lines; what is left to chance is settled once, as a font's table is."""

_LETTERS: Final = string.ascii_lowercase
_CONFUSED: Final = {
    "e": "c",
    "c": "e",
    "l": "1",
    "i": "l",
    "o": "0",
    "t": "f",
    "f": "t",
    "n": "ri",
    "m": "rn",
    "h": "b",
    "b": "h",
    "a": "s",
    "s": "5",
    "u": "v",
    "v": "u",
    "g": "q",
    "r": "i",
    "d": "cl",
    "0": "O",
    "1": "l",
    "5": "S",
    "8": "B",
    ",": ".",
    ".": ",",
}
"""What OCR takes characters for."""


def _permuted(share: float) -> Degradation:
    """The letters of this share of the lines are permuted: a font without a Unicode table."""

    def settle(chance: random.Random) -> LineChange:
        shuffled = "".join(chance.sample(_LETTERS, len(_LETTERS)))
        table = str.maketrans(_LETTERS + _LETTERS.upper(), shuffled + shuffled.upper())
        return lambda text: text.translate(table) if chance.random() < share else text

    return settle


def _shifted(by: int) -> Degradation:
    """Every character has the code of another: a table that is off by some."""
    return lambda chance: (
        lambda text: "".join(char if char.isspace() else chr(ord(char) + by) for char in text)
    )


def _confused(share: float) -> Degradation:
    """This share of the characters is misread, as in a poor OCR layer."""

    def settle(chance: random.Random) -> LineChange:
        return lambda text: "".join(
            _CONFUSED.get(char, char) if chance.random() < share else char for char in text
        )

    return settle


def _without(*strings: str) -> Degradation:
    """Glyphs such as ligatures that have no Unicode value."""

    def settle(chance: random.Random) -> LineChange:
        def change(text: str) -> str:
            for each in strings:
                text = text.replace(each, "")
            return text

        return change

    return settle


def _glued(share: float) -> Degradation:
    """This share of the spaces is missing."""
    return lambda chance: (
        lambda text: "".join(
            "" if char == " " and chance.random() < share else char for char in text
        )
    )


def _spaced(share: float) -> Degradation:
    """A space after this share of the letters: kerning taken for spaces."""
    return lambda chance: (
        lambda text: "".join(
            f"{char} " if char.isalpha() and chance.random() < share else char for char in text
        )
    )


def _replaced(share: float) -> Degradation:
    """This share of the letters (which ones: settled once) has the replacement character."""

    def settle(chance: random.Random) -> LineChange:
        lost = chance.sample(_LETTERS, round(share * len(_LETTERS)))
        table = str.maketrans(dict.fromkeys(lost, "\ufffd"))
        return lambda text: text.translate(table)

    return settle


LAYERS: Final[dict[str, Degradation]] = {
    "letters permuted": _permuted(1),
    "half of the lines permuted": _permuted(0.5),
    "a tenth of the lines permuted": _permuted(0.1),
    "codes off by 1": _shifted(1),
    "codes off by 29": _shifted(29),
    "2 % misread": _confused(0.02),
    "5 % misread": _confused(0.05),
    "15 % misread": _confused(0.15),
    "30 % misread": _confused(0.3),
    "ligatures lost": _without("fi", "fl", "ff", "ti", "tt"),
    "a letter lost": _without("r"),
    "a fifth of the spaces lost": _glued(0.2),
    "all spaces lost": _glued(1),
    "spaces inside words": _spaced(0.2),
    "letters spaced": _spaced(1),
    "two letters unknown": _replaced(0.08),
}
"""What is done to the lines of a layer, by name."""


def degrade(layer: TextLayer, name: str, seed: int) -> TextLayer:
    """A text layer made worse.

    Args:
        layer: The layer.
        name: One of `LAYERS`.
        seed: Decides what is left to chance.
    """
    change = LAYERS[name](random.Random(seed))
    lines = tuple(replace(line, text=change(line.text)) for line in layer.lines)
    return replace(layer, lines=lines)
