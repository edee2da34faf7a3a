"""Scores how far the text layer of a page can be trusted to be the text that the page shows. Pure.

The score is a product of factors from 0 to 1, one for each known kind of wrong layer; each factor
below `_DOUBT` adds its name to the doubts. The thresholds were set by hand and are measured by
`benchmarks/text_layer.py`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from pipeline.text.short_cache import short_cache
from pipeline.text.text_layer import TextLayer

_DOUBT: Final = 0.9
_COMMON: Final = frozenset("etaoinsrhldcum")
"""Letters that make up at least 70% of running text in European languages; about half where a font
without a Unicode table permutes the letters."""
_MIN_LETTERS: Final = 80
_LITTLE_TEXT_CHARS: Final = 25
_VOWEL: Final = re.compile("[aeiouy]")
_CONSONANTS: Final = re.compile("[bcdfghjklmnpqrstvwxz]{6,}")
_CASE_CHANGE: Final = re.compile(r"[a-z][A-Z]")
_ADDRESS: Final = re.compile(
    r"(?:https?://|ftp://|www\.|mailto:)[\w.%/?&=#~:;,+@!$'()*-]+|[\w.+-]+@[\w-]+\.[\w.-]+"
)
"""An address of a page or a mailbox."""
_NUMBER: Final = re.compile(
    r"[+\-\u2212~<>=]?[^\W\d_]{0,3}[$€£¥#§]?\d+(?:[.,:/\-\u2013()x\u00d7]+\d+)*\)?[%°]?[^\W\d_]{0,3}"
)
_PUNCTUATION: Final = (
    ".,;:!?()[]{}\"'\u2018\u2019\u201c\u201d\u00ab\u00bb*\u2022\u2013\u2014-\u2026/&_"
    "\u00b7\u2024\u2025"
)
_MIN_LEADER: Final = 3
"""A sign that is repeated so often is a leader or a rule, whatever sign it is."""
_WRONG_NUMBER: Final = 0.5
"""The trust in a page on which one number is wrong: less than any sensible minimum."""
_MEANINGLESS: Final = "[\ufffd\ue000-\uf0ff\\x00-\\x08\\x0e-\\x1f]"
_BROKEN: Final = re.compile(_MEANINGLESS)
_BROKEN_NUMBER: Final = re.compile(rf"{_MEANINGLESS}\d")
"""A digit after a character without meaning, which may have been its sign. Private use above
U+F100 is left out: Adobe's glyph list has small capitals and copyright signs there."""
_MAX_WORD_LETTERS: Final = 30
_CACHED_WORDS: Final = 1 << 16
"""Size of the cache of `_kind`: most words of a page were on an earlier page."""
_CACHED_CHARS: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Trust:
    """The trust in a text layer.

    Attributes:
        score: 0 for none to 1 for full trust.
        doubts: Names of the factors that lower it, the lowest factor first.
    """

    score: float
    doubts: tuple[str, ...] = ()


def assess_trust(layer: TextLayer, *, pictures_are_read: bool = False) -> Trust:
    """Score a text layer by its words and by what else the page draws.

    Args:
        layer: The layer.
        pictures_are_read: Whether an engine adds the text in pictures, which then is no doubt.
    """
    factors = sorted(_factors(layer, pictures_are_read))
    score = 1.0
    for factor, _ in factors:
        score *= factor
    return Trust(round(score, 4), tuple(name for factor, name in factors if factor < _DOUBT))


def _factors(layer: TextLayer, pictures_are_read: bool) -> Iterator[tuple[float, str]]:
    text = "\n".join(line.text for line in layer.visible)
    chars = Counter(text)
    shown = _count(chars)
    if not shown:
        yield 0.0, "no visible text"
        return
    # White and covered lines are left out of a layer that is taken; their shares are doubts of
    # their own.
    hidden = (line for line in layer.lines if not (line.is_visible or line.is_covered))
    unseen = (line.text for line in hidden if not line.is_white)
    every = shown + _count(Counter("".join(unseen)))
    drawing = layer.drawing
    yield from _language_factors(text, chars)
    yield _falling(1 - shown / every, 0.02, 0.3), "invisible text"
    yield _falling(drawing.covered_share, 0.05, 0.3), "covered text"
    yield _falling(drawing.oversized_box_share, 0.05, 0.3), "boxes without sense"
    yield _number_factor(drawing.doubtful_numbers), "numbers drawn otherwise"
    yield _falling(drawing.ciphered_share, 0.0, 0.1), "letters drawn otherwise"
    is_broken = _has_broken_number(text, chars)
    yield (_WRONG_NUMBER if is_broken else 1.0), "broken characters in numbers"
    yield _falling(drawing.white_share, 0.3, 0.8), "white text"
    yield _falling(drawing.image_without_text_share, 0.1, 0.3), "pictures without text"
    lost = 0 if pictures_are_read else drawing.picture_characters
    yield _falling(lost / (lost + shown), 0.05, 0.25), "text in pictures"
    yield _falling(drawing.image_share, 0.7, 0.9), "a picture of the page"
    yield _falling(drawing.glyph_like_paths / shown, 0.15, 0.6), "shapes like letters"
    if drawing.non_text_operations:
        yield _rising(shown, 0, _LITTLE_TEXT_CHARS), "little text"


def _language_factors(text: str, chars: Counter[str]) -> Iterator[tuple[float, str]]:
    yield _falling(broken_share(chars), 0.0, 0.1), "broken characters"
    yield _rising(word_share(text), 0.4, 0.65), "no words"
    yield _rising(common_share(chars), 0.52, 0.62), "letters of no language"


def _has_broken_number(text: str, chars: Counter[str]) -> bool:
    # A page has 100 different characters and 4,000 in all.
    return bool(_BROKEN.search("".join(chars)) and _BROKEN_NUMBER.search(text))


def _number_factor(doubtful_numbers: int) -> float:
    return _WRONG_NUMBER if doubtful_numbers else 1.0


def legibility(text: str, doubtful_numbers: int = 0) -> float:
    """How far a text consists of words of a language, 0 to 1; 0 for an empty text.

    Args:
        text: Such as that of a layer.
        doubtful_numbers: As of `DrawingStats`: with one it is half at most.
    """
    if not text.strip():
        return 0.0
    words = math.prod(factor for factor, _ in _language_factors(text, Counter(text)))
    return words * _number_factor(doubtful_numbers)


def _count(chars: Counter[str]) -> int:
    """The number of characters that are no spaces."""
    return sum(count for char, count in chars.items() if not char.isspace())


def _rising(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _falling(value: float, low: float, high: float) -> float:
    return 1.0 - _rising(value, low, high)


def broken_share(chars: Counter[str]) -> float:
    """The share of characters without meaning: replacement, private use, control, unassigned.

    Args:
        chars: The characters of a text.
    """
    characters = _count(chars)
    broken = sum(count for char, count in chars.items() if _is_broken(char))
    return broken / characters if characters else 0.0


@lru_cache(_CACHED_CHARS)
def _is_broken(char: str) -> bool:
    is_meaningless = unicodedata.category(char) in ("Co", "Cn", "Cs", "Cc")
    return char == "\ufffd" or (is_meaningless and not char.isspace())


def word_share(text: str) -> float:
    """The share of characters that are in words or numbers, 1 for an empty text."""
    characters = good = 0
    for token, count in Counter(text.split()).items():
        kind = _kind(token)
        if kind is not _PUNCTUATION_ONLY:
            characters += len(token) * count
            if kind is _WORD:
                good += len(token) * count
    if not characters:
        return 0.0 if text.strip() else 1.0
    return good / characters


class _Kind(Enum):
    """What a token of a text is."""

    PUNCTUATION = auto()
    WORD = auto()
    OTHER = auto()


_WORD: Final = _Kind.WORD
_PUNCTUATION_ONLY: Final = _Kind.PUNCTUATION
"""Looked up once: a member of an enumeration takes a call each time."""


@short_cache(_CACHED_WORDS)
def _kind(token: str) -> _Kind:
    """What a token is, its punctuation left out."""
    word = token.strip(_PUNCTUATION)
    if not word or _is_leader(word):
        return _Kind.PUNCTUATION
    return _Kind.WORD if _is_word(word) else _Kind.OTHER


def _is_leader(token: str) -> bool:
    sign = token[0]
    is_sign = not sign.isalnum() and not _is_broken(sign)
    return is_sign and len(token) >= _MIN_LEADER and token.count(sign) == len(token)


def _is_word(token: str) -> bool:
    """Whether a token is a number or an address, or looks like a word of some language."""
    if _NUMBER.fullmatch(token) or _ADDRESS.fullmatch(token):
        return True
    letters = [char for char in token if char.isalpha()]
    if len(letters) * 2 <= len(token):
        return False
    if not any(char.isascii() for char in letters):
        return True  # the vowel test is for Latin script; others only need letters
    return _is_latin_word("".join(_plain(char) for char in letters))


def _plain(char: str) -> str:
    """A letter without its accents."""
    return unicodedata.normalize("NFKD", char)[0]


def _is_latin_word(letters: str) -> bool:
    if not 2 <= len(letters) <= _MAX_WORD_LETTERS:
        return False
    folded = letters.lower()
    if len(letters) <= 3 or letters.isupper():
        return len(letters) <= 3 or bool(_VOWEL.search(folded))
    switches = len(_CASE_CHANGE.findall(letters))
    return bool(_VOWEL.search(folded)) and not _CONSONANTS.search(folded) and switches <= 1


def common_share(chars: Counter[str]) -> float:
    """The share of Latin letters that are in `_COMMON`; 1 for fewer than `_MIN_LETTERS`.

    Args:
        chars: The characters of a text.
    """
    letters = common = 0
    for char, count in chars.items():
        if letter := _latin_letter(char):
            letters += count
            common += count * (letter in _COMMON)
    return common / letters if letters >= _MIN_LETTERS else 1.0


@lru_cache(_CACHED_CHARS)
def _latin_letter(char: str) -> str:
    """A Latin letter as a small one without its accents, "" for any other character."""
    letter = _plain(char).lower() if char.isalpha() else ""
    return letter if letter.isascii() else ""
