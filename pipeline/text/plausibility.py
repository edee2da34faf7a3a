"""How far a text looks like words and numbers of a language, without a dictionary. Pure.

It sees what wrong font tables and poor recognition do to words: digits inside them, letters of two
scripts in one word, single letters, words that run into each other, words without vowels, letters
in frequencies of no language. It does not see a word that was taken for another one. Text in
scripts without capitals is judged by little more than characters without meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from pipeline.text.scripts import script_of
from pipeline.text.short_cache import short_cache
from pipeline.text.text_layer_trust import word_share

_USUAL_SINGLE: Final = 0.05
"""Share of words that are a single letter in usual text: articles, initials, variables."""
_LONG: Final = 16
_USUAL_LONG: Final = 0.08
"""Share of letters in words of more than `_LONG` letters in usual text."""
_USUAL_JOINED: Final = 0.04
"""Share of letters in words made of two other words of the same text: "something"."""
_MIN_JOINED: Final = 6
_HYPHENS: Final = ("-", "\u00ad", "\u2010")
_AROUND: Final = ".,;:!?()\"'-"
_COMMON: Final = "etaoinsrhldcum"
"""Letters that make up 70 % and more of running text in European languages, half of permuted."""
_IS_COMMON: Final = np.isin(np.arange(128), np.frombuffer(_COMMON.encode(), np.uint8))
"""By its code, whether a letter is common."""
_STRETCH: Final = 40
"""Letters that are looked at together: half a line."""
_MIN_COMMON: Final = 0.6
"""Share of common letters below which a stretch is of no language."""
_USUAL_ODD: Final = 0.03
"""Share of such stretches in usual text."""
_NEVER_ABSENT: Final = "aeinorst"
_ABSENT: Final = 0.004
"""Share of all letters below which one of these is absent."""
_MIN_LETTERS: Final = 400
_LIGATURE: Final = re.compile("f[fil]|[\ufb00-\ufb06]")
"""Two letters that have one glyph in many fonts, and the characters for such glyphs."""
_LIGATURES: Final = 0.2
"""Share of the f in usual text of European languages that are in a ligature: 0.1 in Hungarian, 0.24
in English, 0.6 in Italian."""
_MIN_EXPECTED: Final = 10.0
"""Ligatures that a text has to have for their absence to mean something."""
_T_LIGATURE: Final = re.compile("t[it]")
_MIN_T: Final = 150
"""The letters t of a text from which the absence of "ti" and "tt" means that their ligatures are
lost: in most languages, code too, there are 4 of them and more."""
_POLISH: Final = re.compile("[ąęłńśźż]")
"""Letters of a language that has no "tt", and "ti" in words from others alone."""
_LOST: Final = 0.85
"""What the absence of ligatures makes of the score: most words with them are misspelt."""
_WORDS, _UNMIXED, _WHOLE, _LENGTHS, _APART, _OF_LANGUAGE, _PRESENT = (
    1.0,
    3.0,
    0.5,
    0.5,
    5.0,
    2.0,
    2.5,
)
"""Exponents of the shares, fitted to the words F1 of layers made worse on purpose, and rounded
(`benchmarks/text_score.py`)."""
_ODD_INSIDE: Final = re.compile(
    r"[a-z]\d[a-z]|[a-z]{2}\d|\d[a-z]{4}|[a-z]\d+[A-Z]|[A-Z]\d[a-z]{2}|[\ufffd\ue000-\uf8ff]"
    r"|[\u00c0-\u024f]{3}"
)
"""Digits in words, but not those of `3rd`, `15mm`, `x1`, `H2O` or `A4`; characters without meaning;
and three accented letters in a row, as text of another encoding has them."""
_RUN: Final = re.compile(r"[^\W\d_]+")
_NO_LATIN: Final = re.compile("[^a-z]+")
_MARKUP: Final = re.compile(r"<[^<>\n]{0,200}>|\$\$[^$]{0,2000}\$\$|\$[^$\n]{0,200}\$|[#*|]+")
"""Tags, formulas, and marks of Markdown."""
_CACHED_TOKENS: Final = 1 << 16

_SPACED: Final = frozenset({"Arabic", "Hebrew"})
"""Scripts without capitals in which a word is hardly ever a single letter."""

Shape = tuple[bool, int, int, str]
"""What a token is like: whether it has what no word has, such as digits inside; its letters with a
case, and those of them in long runs; itself in small letters where it is one run of them and no
part of a word before a hyphen, else ""."""
Tokens = Sequence[tuple[Shape, int]]
"""The different tokens of a text, with how often each occurs."""


def plausibility(text: str) -> float:
    """How far the words of a text look like words and numbers, 0 to 1; 1 for an empty text.

    A product of powers of shares, each 1 for usual text.

    Args:
        text: Plain text or Markdown.
    """
    plain = _MARKUP.sub(" ", text)
    if not plain.strip():
        return 1.0
    tokens = [(_shape(token), count) for token, count in Counter(plain.split()).items()]
    letters = _NO_LATIN.sub("", plain.lower())
    small = _NO_LATIN.sub("", plain)
    unmixed, whole, lengths = _shapes(tokens)
    return float(
        word_share(plain) ** _WORDS
        * unmixed**_UNMIXED
        * whole**_WHOLE
        * lengths**_LENGTHS
        * _apart(tokens) ** _APART
        * _of_language(letters) ** _OF_LANGUAGE
        * _present(small) ** _PRESENT
        * _ligatures(plain, small)
    )


def _shapes(tokens: Tokens) -> tuple[float, float, float]:
    """The words that mix nothing; that are not single letters; letters in words of usual length."""
    total = letters = mixed = single = long = 0
    for (is_mixed, cased, in_long, _), count in tokens:
        total += count
        mixed += count * is_mixed
        letters += count * cased
        single += count * (cased == 1)
        long += count * in_long
    return 1 - mixed / total, _less(single, total, _USUAL_SINGLE), _less(long, letters, _USUAL_LONG)


@short_cache(_CACHED_TOKENS)
def _shape(token: str) -> Shape:
    stem = token.strip(_AROUND)
    if stem.isascii() and stem.isalpha():  # most words, at a tenth of the time
        word = "" if token.endswith("-") else stem.lower()
        return False, len(stem), len(stem) * (len(stem) > _LONG), word
    runs = _RUN.findall(token)
    if len(runs) == 1 and len(runs[0]) == 1 and script_of(runs[0]) in _SPACED:
        return False, 1, 0, ""
    cased = [sum(char.islower() or char.isupper() for char in run) for run in runs]
    is_mixed = bool(_ODD_INSIDE.search(token)) or any(_scripts(run) > 1 for run in runs)
    is_word = len(runs) == 1 and cased[0] == len(runs[0]) and not token.endswith(_HYPHENS)
    long = sum(count for count in cased if count > _LONG)
    return is_mixed, sum(cased), long, runs[0].lower() if is_word else ""


def _scripts(run: str) -> int:
    """The scripts with capitals that a run of letters is of."""
    if run.isascii():
        return 1
    return len({script_of(char) for char in run if char.islower() or char.isupper()} - {None})


def _apart(tokens: Tokens) -> float:
    """The letters that are not in words made of two others of the text; 1 for few letters."""
    words: dict[str, int] = {}
    for (_, _, _, word), count in tokens:
        if word:
            words[word] = words.get(word, 0) + count
    letters = sum(len(word) * count for word, count in words.items())
    if letters < _MIN_LETTERS:
        return 1.0
    joined = (len(word) * count for word, count in words.items() if _is_joined(word, words))
    return _less(sum(joined), letters, _USUAL_JOINED)


def _is_joined(word: str, words: Collection[str]) -> bool:
    """Whether a word is two of the others, of two letters and more."""
    if not _MIN_JOINED <= len(word) <= 2 * _LONG:
        return False
    return any(word[:at] in words and word[at:] in words for at in range(2, len(word) - 1))


def _of_language(letters: str) -> float:
    """The stretches whose letters are as frequent as in a European language; 1 for few letters."""
    stretches = len(letters) // _STRETCH
    if stretches < 2:
        return 1.0
    codes = np.frombuffer(letters.encode(), np.uint8)[: stretches * _STRETCH]
    common = _IS_COMMON[codes].reshape(stretches, _STRETCH).sum(axis=1)
    return _less(int((common < _MIN_COMMON * _STRETCH).sum()), stretches, _USUAL_ODD)


def _present(letters: str) -> float:
    """The share of the small letters that no language goes without which occur; 1 for few letters.

    A font loses a small letter and keeps its capital.
    """
    if len(letters) < _MIN_LETTERS:
        return 1.0
    absent = sum(letters.count(char) < _ABSENT * len(letters) for char in _NEVER_ABSENT)
    return 1 - absent / len(_NEVER_ABSENT)


def _ligatures(text: str, letters: str) -> float:
    """Less than 1 where no f or t of a long text is part of a ligature: they are lost."""
    expected = _LIGATURES * letters.count("f")
    if expected >= _MIN_EXPECTED and not _LIGATURE.search(text):
        return _LOST
    if letters.count("t") >= _MIN_T and not _T_LIGATURE.search(text) and not _POLISH.search(text):
        return _LOST
    return 1.0


def _less(part: int, whole: int, usual: float) -> float:
    """1, less the share of a part that is more than usual."""
    return 1 - max(0.0, part / max(1, whole) - usual)
