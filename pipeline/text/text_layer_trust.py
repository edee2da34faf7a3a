"""How far the text layer of a page can be trusted to say what the page shows. Pure.

The score is a product of factors between 0 and 1, one for each way in which layers are wrong;
every factor that is not near 1 is a doubt, and has a name. The numbers were set by hand for
what the failures look like, with an eye on the pages of `benchmarks/text_layer.py`, which measures
them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.text.text_layer import TextLayer

_DOUBT: Final = 0.9
_COMMON: Final = frozenset("etaoinsrhldcum")
"""The letters that make up 70% and more of running text in European languages; in text whose
letters were swapped by a font without a table of its own they are about half."""
_LEAST_LETTERS: Final = 80
_FEW_CHARS: Final = 25
_VOWEL: Final = re.compile("[aeiouy]")
_CONSONANTS: Final = re.compile("[bcdfghjklmnpqrstvwxz]{6,}")
_SWITCH: Final = re.compile(r"[a-z][A-Z]")
_NUMBER: Final = re.compile(
    r"[+\-\u2212~<>=]?[^\W\d_]{0,3}[$€£¥#§]?\d+(?:[.,:/\-\u2013()x\u00d7]+\d+)*\)?[%°]?[^\W\d_]{0,3}"
)
_EDGE: Final = ".,;:!?()[]{}\"'\u2018\u2019\u201c\u201d\u00ab\u00bb*\u2022\u2013\u2014-\u2026/&"
_LONGEST: Final = 30


@dataclass(frozen=True, slots=True)
class Trust:
    """What a text layer is worth.

    Attributes:
        score: 0 for not at all to 1 for no doubt.
        doubts: Why it is less than 1, the gravest first.
    """

    score: float
    doubts: tuple[str, ...] = ()


def trust(layer: TextLayer) -> Trust:
    """Judge a text layer by its words and by what else is on the page."""
    factors = sorted(_factors(layer))
    score = 1.0
    for factor, _ in factors:
        score *= factor
    return Trust(round(score, 4), tuple(name for factor, name in factors if factor < _DOUBT))


def _factors(layer: TextLayer) -> Iterator[tuple[float, str]]:
    text = "\n".join(line.text for line in layer.visible)
    shown, every = _count(text), sum(_count(line.text) for line in layer.lines)
    if not shown:
        yield 0.0, "no visible text"
        return
    marks = layer.marks
    yield from _words(text)
    yield _falling(1 - shown / every, 0.02, 0.3), "invisible text"
    yield _falling(marks.covered_share, 0.05, 0.3), "covered text"
    yield _falling(marks.odd_share, 0.05, 0.3), "boxes without sense"
    yield _falling(marks.pale_share, 0.3, 0.8), "white text"
    yield _falling(marks.image_only_share, 0.1, 0.3), "pictures without text"
    yield _falling(marks.image_share, 0.7, 0.9), "a picture of the page"
    yield _falling(marks.curves / shown, 0.15, 0.6), "shapes like letters"
    if marks.others:
        yield _rising(shown, 0, _FEW_CHARS), "little text"


def _words(text: str) -> Iterator[tuple[float, str]]:
    yield _falling(broken_share(text), 0.0, 0.1), "broken characters"
    yield _rising(word_share(text), 0.4, 0.65), "no words"
    yield _rising(common_share(text), 0.52, 0.62), "letters of no language"


def legible(text: str) -> float:
    """How far a text is made of words, 0 to 1, whether or not the page shows it; 0 for none."""
    return math.prod(factor for factor, _ in _words(text)) if text.strip() else 0.0


def _count(text: str) -> int:
    return sum(not char.isspace() for char in text)


def _rising(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _falling(value: float, low: float, high: float) -> float:
    return 1.0 - _rising(value, low, high)


def broken_share(text: str) -> float:
    """The share of characters that stand for nothing: replacement, private use, control."""
    characters = [char for char in text if not char.isspace()]
    broken = sum(_is_broken(char) for char in characters)
    return broken / len(characters) if characters else 0.0


def _is_broken(char: str) -> bool:
    return char == "\ufffd" or unicodedata.category(char) in ("Co", "Cn", "Cs", "Cc")


def word_share(text: str) -> float:
    """The share of characters that are in words or numbers, 1 for an empty text."""
    tokens = [token for token in text.split() if token.strip(_EDGE)]
    characters = sum(map(len, tokens))
    good = sum(len(token) for token in tokens if _is_word(token.strip(_EDGE)))
    if not tokens:
        return 0.0 if text.strip() else 1.0
    return good / characters


def _is_word(token: str) -> bool:
    """Whether a token is a number, or looks like a word of some language."""
    if _NUMBER.fullmatch(token):
        return True
    letters = [char for char in token if char.isalpha()]
    if len(letters) * 2 <= len(token):
        return False
    if not any(char.isascii() for char in letters):
        return True  # of scripts without vowels to count, having letters is all that is asked
    return _is_latin_word("".join(_plain(char) for char in letters))


def _plain(char: str) -> str:
    """A letter without its accents."""
    return unicodedata.normalize("NFKD", char)[0]


def _is_latin_word(letters: str) -> bool:
    if not 2 <= len(letters) <= _LONGEST:
        return False
    folded = letters.lower()
    if len(letters) <= 3 or letters.isupper():
        return len(letters) <= 3 or bool(_VOWEL.search(folded))
    switches = len(_SWITCH.findall(letters))
    return bool(_VOWEL.search(folded)) and not _CONSONANTS.search(folded) and switches <= 1


def common_share(text: str) -> float:
    """The share of the Latin letters that are common ones; 1 where there are few letters."""
    letters = [_plain(char).lower() for char in text if char.isalpha()]
    latin = [letter for letter in letters if letter.isascii()]
    if len(latin) < _LEAST_LETTERS:
        return 1.0
    return sum(letter in _COMMON for letter in latin) / len(latin)
